-- variant: no-manager-check
-- teaches: "manager" asked as "anything but none": what was meant for managers is shown to every colleague.
-- finds: { verdict: leak, persona: ana, relation: public.member_profiles, operation: select, column: bio, channels: [direct, rest] }
-- finds: { verdict: leak, persona: petra, relation: public.member_profiles, operation: select, column: timezone, channels: [direct, rest] }
-- finds: { verdict: pass, persona: mara, relation: public.member_profiles, operation: select, column: bio, channels: [direct, rest] }
-- exit: 1

create or replace function private.may_see(person uuid, field text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select 1
    from public.organization_users viewer
    join public.organization_users subject
      on subject.organization_id = viewer.organization_id and subject.status = 'active'
    where viewer.id = auth.uid()
      and viewer.status = 'active'
      and subject.id = person
      and (
        subject.id = viewer.id
        or exists (
          select 1
          from public.user_field_visibility v
          where v.user_id = subject.id and v.field_name = field and v.visibility_level <> 'none'
        )
      )
  )
$$;
