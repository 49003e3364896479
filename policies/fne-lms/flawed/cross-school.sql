-- variant: cross-school
-- teaches: "A member of some school" is not "a member of this school": the tenant has to be in the comparison.
-- finds: { verdict: leak, persona: fabiola, relation: public.profiles, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: belen, relation: public.message_threads, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: bruno, relation: public.courses, operation: insert, channels: [direct, rest] }
-- exit: 1

create or replace function public.is_school_member(uid uuid, school integer) returns boolean
language sql stable security definer set search_path = ''
as $$
  select coalesce(uid = auth.uid(), false)
     and exists (
       select 1 from public.user_roles r where r.user_id = uid and r.is_active and r.school_id is not null
     )
$$;
