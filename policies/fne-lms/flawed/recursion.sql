-- variant: recursion
-- teaches: A policy that reads its own table fails every query with 42P17; that is an error, and neither a denial nor a pass.
-- finds: { verdict: error, persona: bruno, relation: public.user_roles, operation: select, channels: [direct, rest] }
-- finds: { verdict: error, persona: oscar, relation: public.user_roles, operation: select, channels: [direct, rest] }
-- exit: 2
-- names: 42P17

create policy admins_can_read_all_roles on public.user_roles for select to authenticated
using (
  exists (select 1 from public.user_roles r where r.user_id = (select auth.uid()) and r.role = 'admin' and r.is_active)
);
