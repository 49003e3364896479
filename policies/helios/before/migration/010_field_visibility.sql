-- From the open directory to the one that ../../NNN_*.sql describes: each decides, field by field, who sees it.

-- Levels decide, and a field without one is hidden.
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
          where v.user_id = subject.id
            and v.field_name = field
            and (
              v.visibility_level = 'everyone'
              or (v.visibility_level = 'manager' and viewer.role = 'manager')
            )
        )
      )
  )
$$;

-- The fields are read through the view alone.
revoke select, update on public.organization_users from authenticated;
grant select (id, organization_id, name, role, status) on public.organization_users to authenticated;
grant update (
  name, bio, email, fun_facts, interests, personal_email, phone, video_intro, voice_intro,
  pronouns, mobile_phone, location, job_title, work_phone, timezone
) on public.organization_users to authenticated;
revoke insert, update, delete on public.member_profiles from authenticated;

-- Colleagues, and one's own.
drop policy "Enable read access for authenticated users" on public.organization_users;
create policy members_can_read_colleagues on public.organization_users for select to authenticated
using (organization_id = (select private.my_organization()) and status = 'active');

drop policy "Enable insert for authenticated users only" on public.user_dashboard_widgets;
create policy members_can_add_own_widgets on public.user_dashboard_widgets for insert to authenticated
with check (user_id = (select private.my_member_id()));

drop policy "Enable update for authenticated users" on public.available_modules;
create policy admins_can_update_modules on public.available_modules for update to authenticated
using ((select private.is_platform_admin()))
with check ((select private.is_platform_admin()));
