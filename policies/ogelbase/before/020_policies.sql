-- Sessions of colleagues; invitations of every organization, by anyone's address; metrics written by those whom they measure.
create policy colleagues_can_read_sessions on platform.user_sessions for select to authenticated
using (user_id in (select platform_private.colleagues()));

alter policy invited_can_read_own_invitations on platform.organization_invitations
using (email in (select u.email from platform.users u));

create policy participants_can_write_metrics on platform.project_metrics for all to authenticated
using (project_id in (select platform_private.visible_projects()))
with check (project_id in (select platform_private.visible_projects()));

create policy people_can_log_what_they_do on platform.audit_logs for insert to authenticated
with check (actor_id = (select auth.uid()));
