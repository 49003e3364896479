-- variant: disabled-account-live
-- teaches: An account that is switched off is still an admin to a helper that asks for the role alone.
-- finds: { verdict: leak, persona: dora, relation: public.tasks, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: dora, relation: public.settings, operation: update, channels: [direct] }
-- finds: { verdict: leak, persona: dora, relation: public.audit_log, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: dora, relation: public.users, operation: blind_delete, channels: [direct] }
-- exit: 1

create or replace function clawtrol.user_role() returns text
language sql stable security definer set search_path = ''
as $$
  select u.role from public.users u where u.id = clawtrol.user_id()
$$;
