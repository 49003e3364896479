-- The list of fields that were thought of at first. A field that is not in it, and one without a level, is shown to everyone:
-- pronouns, mobile_phone, location, job_title, work_phone and timezone came later.
create or replace function private.may_see(person uuid, field text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select 1
    from public.organization_users viewer
    where viewer.id = auth.uid()
      and viewer.status = 'active'
      and (
        viewer.id = person
        or field not in (
          'bio', 'email', 'fun_facts', 'interests', 'personal_email', 'phone', 'video_intro', 'voice_intro'
        )
        or coalesce(
          (
            select v.visibility_level in ('everyone', 'manager')
            from public.user_field_visibility v
            where v.user_id = person and v.field_name = field
          ),
          true
        )
      )
  )
$$;
