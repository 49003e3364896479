-- variant: revoked-role-live
-- teaches: Roles are switched off, not deleted: a helper that forgets is_active gives a former consultor everything back.
-- finds: { verdict: leak, persona: renata, relation: public.cuotas, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: renata, relation: public.activity_feed, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: renata, relation: public.courses, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: renata, relation: public.community_threads, operation: select, channels: [direct, rest] }
-- exit: 1

create or replace function public.is_admin_or_consultor(uid uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select coalesce(uid = auth.uid(), false)
     and exists (
       select 1 from public.user_roles r where r.user_id = uid and r.role in ('admin', 'consultor')
     )
$$;
