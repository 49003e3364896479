-- variant: own-fields-hidden
-- teaches: Without the line for oneself, whoever hides a field hides it from its owner, too, and can no longer see what to correct.
-- finds: { verdict: lockout, persona: ana, relation: public.member_profiles, operation: select, column: fun_facts, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: mara, relation: public.member_profiles, operation: select, column: bio, channels: [direct, rest] }
-- finds: { verdict: pass, persona: ana, relation: public.member_profiles, operation: select, channels: [direct, rest] }
-- exit: 1

create or replace function private.may_see(person uuid, field text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select 1
    from public.organization_users viewer
    join public.organization_users subject
      on subject.organization_id = viewer.organization_id and subject.status = 'active'
    join public.user_field_visibility v on v.user_id = subject.id and v.field_name = field
    where viewer.id = auth.uid()
      and viewer.status = 'active'
      and subject.id = person
      and (
        v.visibility_level = 'everyone'
        or (v.visibility_level = 'manager' and viewer.role = 'manager')
      )
  )
$$;
