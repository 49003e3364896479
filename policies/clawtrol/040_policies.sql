-- One policy for admins on each table but the log, and beside it what others may do. Permissive policies add up.
create policy admins_do_everything on public.users using (clawtrol.is_admin()) with check (clawtrol.is_admin());
create policy users_see_colleagues on public.users for select
using (clawtrol.user_role() is not null and (id = clawtrol.user_id() or clawtrol.is_colleague(id)));
-- GitHub lets people rename themselves. Role and state stay as they are.
create policy users_rename_themselves on public.users for update
using (id = clawtrol.user_id() and clawtrol.user_role() = 'member')
with check (id = clawtrol.user_id() and role = 'member' and "isActive");

create policy admins_do_everything on public.projects using (clawtrol.is_admin()) with check (clawtrol.is_admin());
create policy own_projects on public.projects for select using (clawtrol.is_in_project(slug));

create policy admins_do_everything on public.project_members using (clawtrol.is_admin()) with check (clawtrol.is_admin());
create policy members_of_own_projects on public.project_members for select using (clawtrol.is_in_project(project));

create policy admins_do_everything on public.tasks using (clawtrol.is_admin()) with check (clawtrol.is_admin());
create policy tasks_of_own_projects on public.tasks for select using (clawtrol.is_in_project(project));
create policy members_create_own_tasks on public.tasks for insert
with check ("userId" = clawtrol.user_id() and clawtrol.may_work_on(project));
create policy members_change_tasks_of_own_projects on public.tasks for update
using (clawtrol.may_work_on(project)) with check (clawtrol.may_work_on(project));
create policy members_delete_own_tasks on public.tasks for delete
using ("userId" = clawtrol.user_id() and clawtrol.may_work_on(project));

create policy admins_do_everything on public.task_labels using (clawtrol.is_admin()) with check (clawtrol.is_admin());
create policy labels_of_own_projects on public.task_labels for select
using (clawtrol.is_in_project(clawtrol.project_of("taskId")));
create policy members_label_tasks_of_own_projects on public.task_labels for insert
with check (clawtrol.may_work_on(clawtrol.project_of("taskId")));
create policy members_unlabel_tasks_of_own_projects on public.task_labels for delete
using (clawtrol.may_work_on(clawtrol.project_of("taskId")));

create policy admins_do_everything on public.settings using (clawtrol.is_admin()) with check (clawtrol.is_admin());
create policy public_settings on public.settings for select using ("isPublic" and clawtrol.user_role() is not null);

-- Append-only, admins included: there is no policy for UPDATE and DELETE, and no privilege either.
create policy admins_read_the_log on public.audit_log for select using (clawtrol.is_admin());
create policy users_read_their_own_entries on public.audit_log for select
using (clawtrol.user_role() is not null and "userId" = clawtrol.user_id());
create policy entries_in_ones_own_name on public.audit_log for insert
with check (clawtrol.user_role() in ('admin', 'member') and "userId" = clawtrol.user_id());
