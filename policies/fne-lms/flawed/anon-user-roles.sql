-- variant: anon-user-roles
-- teaches: With RLS off a grant is everything: guests read who is who, and every signed-in user reads everybody's roles.
-- finds: { verdict: leak, persona: anon, relation: public.user_roles, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: oscar, relation: public.user_roles, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: bruno, relation: public.user_roles, operation: select, channels: [direct, rest] }
-- exit: 1

alter table public.user_roles disable row level security, no force row level security;
grant select on public.user_roles to anon;
