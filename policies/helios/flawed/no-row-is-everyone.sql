-- variant: no-row-is-everyone
-- teaches: Who has not said anything yet has not agreed: a default of "everyone" shows all that the newest members entered.
-- finds: { verdict: leak, persona: ana, relation: public.member_profiles, operation: select, column: phone, channels: [direct, rest] }
-- finds: { verdict: leak, persona: mara, relation: public.member_profiles, operation: select, column: job_title, channels: [direct, rest] }
-- exit: 1

create or replace function private.may_see(person uuid, field text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select 1
    from public.organization_users viewer
    join public.organization_users subject
      on subject.organization_id = viewer.organization_id and subject.status = 'active'
    left join public.user_field_visibility v on v.user_id = subject.id and v.field_name = field
    where viewer.id = auth.uid()
      and viewer.status = 'active'
      and subject.id = person
      and (
        subject.id = viewer.id
        or coalesce(v.visibility_level, 'everyone') = 'everyone'
        or (v.visibility_level = 'manager' and viewer.role = 'manager')
      )
  )
$$;
