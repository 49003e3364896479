-- variant: self-promotion
-- teaches: "Users may edit their own row" plus UPDATE on the one column that matters makes everybody an admin.
-- finds: { verdict: leak, persona: bruno, relation: public.user_roles, operation: update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: bruno, relation: public.user_roles, operation: blind_update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: renata, relation: public.user_roles, operation: update, channels: [direct, rest] }
-- chain: escalation bruno: update public.user_roles set role = admin → update public.courses
-- exit: 1

create policy users_can_update_own_roles on public.user_roles for update to authenticated
using (user_id = (select auth.uid()))
with check (user_id = (select auth.uid()));
grant update (role) on public.user_roles to authenticated;
