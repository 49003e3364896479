-- Who reaches which rows. Two habits hold throughout:
--   an UPDATE or DELETE policy never reaches past the SELECT policies of its table, so a statement without WHERE
--   (to which the SELECT policies do not apply) changes no row that its author cannot see;
--   every UPDATE policy says WITH CHECK, and says the same as its USING: a row cannot be moved out of reach.
-- auth.uid() stands in a sub-select so that it is asked once per statement, not once per row.

alter table public.schools            enable row level security, force row level security;
alter table public.profiles           enable row level security, force row level security;
alter table public.user_roles         enable row level security, force row level security;
alter table public.courses            enable row level security, force row level security;
alter table public.course_enrollments enable row level security, force row level security;
alter table public.activity_feed      enable row level security, force row level security;
alter table public.message_threads    enable row level security, force row level security;
alter table public.clientes           enable row level security, force row level security;
alter table public.contratos          enable row level security, force row level security;
alter table public.cuotas             enable row level security, force row level security;

-- schools ------------------------------------------------------------------------------------------------------
create policy members_can_read_own_school on public.schools for select to authenticated
using (
  public.is_school_member((select auth.uid()), id)
  or public.is_admin_or_consultor((select auth.uid()))
);

create policy admins_can_create_schools on public.schools for insert to authenticated
with check (public.is_admin((select auth.uid())));

create policy admins_can_update_schools on public.schools for update to authenticated
using (public.is_admin((select auth.uid())))
with check (public.is_admin((select auth.uid())));

-- profiles -----------------------------------------------------------------------------------------------------
create policy own_and_colleagues_profiles on public.profiles for select to authenticated
using (
  id = (select auth.uid())
  or public.is_school_member((select auth.uid()), school_id)
  or public.is_admin_or_consultor((select auth.uid()))
);

-- The grant (050) names the two name columns only: nobody changes their own school.
create policy users_can_update_own_profile on public.profiles for update to authenticated
using (id = (select auth.uid()))
with check (id = (select auth.uid()));

-- user_roles ---------------------------------------------------------------------------------------------------
create policy users_can_read_own_roles on public.user_roles for select to authenticated
using (user_id = (select auth.uid()));

-- courses ------------------------------------------------------------------------------------------------------
create policy enrolled_or_owner_can_read_courses on public.courses for select to authenticated
using (
  public.is_admin_or_consultor((select auth.uid()))
  or (
    public.has_live_role((select auth.uid()))
    and (
      owner_id = (select auth.uid())
      or (deleted_at is null and public.is_enrolled((select auth.uid()), id))
    )
  )
);

create policy school_leaders_can_read_courses on public.courses for select to authenticated
using (public.is_school_leader((select auth.uid()), school_id));

create policy members_can_create_own_courses on public.courses for insert to authenticated
with check (owner_id = (select auth.uid()) and public.is_school_member((select auth.uid()), school_id));

create policy admins_can_create_courses on public.courses for insert to authenticated
with check (public.is_admin((select auth.uid())));

create policy owners_can_update_own_courses on public.courses for update to authenticated
using (owner_id = (select auth.uid()) and public.is_school_member((select auth.uid()), school_id))
with check (owner_id = (select auth.uid()) and public.is_school_member((select auth.uid()), school_id));

create policy school_leaders_can_update_courses on public.courses for update to authenticated
using (public.is_school_leader((select auth.uid()), school_id))
with check (public.is_school_leader((select auth.uid()), school_id));

create policy admins_can_update_courses on public.courses for update to authenticated
using (public.is_admin((select auth.uid())))
with check (public.is_admin((select auth.uid())));

create policy admins_can_delete_courses on public.courses for delete to authenticated
using (public.is_admin((select auth.uid())));

-- service_role has BYPASSRLS already; the policy keeps the jobs running should that attribute ever be taken away.
create policy service_role_bypass_courses on public.courses for all to service_role
using (true)
with check (true);

-- course_enrollments -------------------------------------------------------------------------------------------
create policy own_and_managed_enrollments on public.course_enrollments for select to authenticated
using (
  (user_id = (select auth.uid()) and public.has_live_role((select auth.uid())))
  or public.manages_course((select auth.uid()), course_id)
  or public.is_admin_or_consultor((select auth.uid()))
);

create policy managers_can_enroll_colleagues on public.course_enrollments for insert to authenticated
with check (public.may_enroll(course_id, user_id));

-- The grant (050) names progress only: an enrollment is not handed to another person or course.
create policy users_can_record_own_progress on public.course_enrollments for update to authenticated
using (user_id = (select auth.uid()) and public.has_live_role((select auth.uid())))
with check (user_id = (select auth.uid()) and public.has_live_role((select auth.uid())));

create policy leave_or_remove_enrollments on public.course_enrollments for delete to authenticated
using (
  (user_id = (select auth.uid()) and public.has_live_role((select auth.uid())))
  or public.manages_course((select auth.uid()), course_id)
);

-- activity_feed ------------------------------------------------------------------------------------------------
create policy workspace_members_can_read_activity on public.activity_feed for select to authenticated
using (
  (author_id = (select auth.uid()) and public.has_live_role((select auth.uid())))
  or public.is_school_leader((select auth.uid()), school_id)
  or public.is_admin_or_consultor((select auth.uid()))
);

create policy members_can_post_own_activity on public.activity_feed for insert to authenticated
with check (author_id = (select auth.uid()) and public.is_school_member((select auth.uid()), school_id));

create policy authors_can_delete_own_activity on public.activity_feed for delete to authenticated
using (author_id = (select auth.uid()) and public.is_school_member((select auth.uid()), school_id));

-- message_threads ----------------------------------------------------------------------------------------------
create policy members_can_read_threads_of_own_school on public.message_threads for select to authenticated
using (
  (
    public.is_school_member((select auth.uid()), school_id)
    and (deleted_at is null or created_by = (select auth.uid()))
  )
  or public.is_admin_or_consultor((select auth.uid()))
);

create policy members_can_start_threads on public.message_threads for insert to authenticated
with check (created_by = (select auth.uid()) and public.is_school_member((select auth.uid()), school_id));

create policy starters_can_update_own_threads on public.message_threads for update to authenticated
using (created_by = (select auth.uid()) and public.is_school_member((select auth.uid()), school_id))
with check (created_by = (select auth.uid()) and public.is_school_member((select auth.uid()), school_id));

create policy admins_can_moderate_threads on public.message_threads for update to authenticated
using (public.is_admin((select auth.uid())))
with check (public.is_admin((select auth.uid())));

-- finance ------------------------------------------------------------------------------------------------------
create policy admin_or_consultor_can_read_clientes on public.clientes for select to authenticated
using (public.is_admin_or_consultor((select auth.uid())));

create policy admin_or_consultor_can_read_contratos on public.contratos for select to authenticated
using (public.is_admin_or_consultor((select auth.uid())));

create policy admin_or_consultor_can_read_cuotas on public.cuotas for select to authenticated
using (public.is_admin_or_consultor((select auth.uid())));
