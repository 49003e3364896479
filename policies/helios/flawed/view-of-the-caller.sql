-- variant: view-of-the-caller
-- teaches: security_invoker, set because a linter asked for it: the view then wants the caller's own privileges on the hidden columns, every query of the directory is 42501 of another table.
-- finds: { verdict: lockout, persona: ana, relation: public.member_profiles, operation: select, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: mara, relation: public.member_profiles, operation: select, column: bio, channels: [direct, rest] }
-- exit: 1

alter view public.member_profiles set (security_invoker = true);
