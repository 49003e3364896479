-- variant: nobody-has-pronouns
-- teaches: A field that is NULL in every row is not hidden, it is missing: that it does not show proves nothing, and the cell is vacuous.
-- finds: { verdict: vacuous, persona: ana, relation: public.member_profiles, operation: select, column: pronouns, channels: [direct, rest] }
-- finds: { verdict: vacuous, persona: mara, relation: public.member_profiles, operation: select, column: pronouns, channels: [direct, rest] }
-- finds: { verdict: vacuous, persona: ana, relation: public.organization_users, operation: select, column: pronouns, channels: [direct, rest] }
-- finds: { verdict: pass, persona: ana, relation: public.member_profiles, operation: select, column: bio, channels: [direct, rest] }
-- exit: 1

update public.organization_users set pronouns = null;
