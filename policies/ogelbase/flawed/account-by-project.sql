-- variant: account-by-project
-- teaches: Who is shown because of a table that one may write can be anybody: an admin adds an id to a project, and reads that account.
-- finds: { verdict: leak, persona: olivia, relation: platform.project_members, operation: insert, channels: [direct, rest] }
-- finds: { verdict: leak, persona: nina, relation: platform.project_members, operation: insert, channels: [direct, rest] }
-- chain: escalation olivia: insert into platform.project_members with user_id = a0000000-0000-4000-8000-000000000008 → select platform.users
-- exit: 1

-- Without `may_join`, and with a policy for teams that rests on it.
alter policy admins_can_add_colleagues on platform.project_members
with check (project_id in (select platform_private.administered_projects()));
create policy teams_can_read_accounts on platform.users for select to authenticated
using (id in (select m.user_id from platform.project_members m));
