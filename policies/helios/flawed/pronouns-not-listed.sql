-- variant: pronouns-not-listed
-- teaches: Six fields came later, and one did not get into the list of those that can be hidden: what the list does not name falls through to visible.
-- finds: { verdict: leak, persona: ana, relation: public.member_profiles, operation: select, column: pronouns, channels: [direct, rest] }
-- finds: { verdict: leak, persona: mara, relation: public.member_profiles, operation: select, column: pronouns, channels: [direct, rest] }
-- finds: { verdict: leak, persona: olga, relation: public.member_profiles, operation: select, column: pronouns, channels: [direct, rest] }
-- finds: { verdict: pass, persona: ana, relation: public.member_profiles, operation: select, column: bio, channels: [direct, rest] }
-- exit: 1

create or replace function private.may_see(person uuid, field text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select case when field in (
    'bio', 'email', 'fun_facts', 'interests', 'personal_email', 'phone', 'video_intro', 'voice_intro',
    'mobile_phone', 'location', 'job_title', 'work_phone', 'timezone'
  ) then exists (
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
          where v.user_id = subject.id
            and v.field_name = field
            and (
              v.visibility_level = 'everyone'
              or (v.visibility_level = 'manager' and viewer.role = 'manager')
            )
        )
      )
  ) else true end
$$;
