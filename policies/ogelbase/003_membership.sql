-- Who belongs to what, and so who reaches which rows of 001 and 002. Two habits hold throughout:
--   an UPDATE or DELETE policy never reaches past the SELECT policies of its table, so a statement without WHERE
--   (to which the SELECT policies do not apply) changes no row that its author cannot see;
--   every UPDATE policy says WITH CHECK, and says the same as its USING: a row cannot be moved out of reach.

-- In ascending order: "at least admin" is `role >= 'admin'`.
create type platform.member_role as enum ('member', 'admin', 'owner');
create type platform.project_role as enum ('viewer', 'maintainer');

-- A membership is never deleted but revoked, so every reader must ask for revoked_at.
create table platform.organization_members (
  organization_id uuid not null references platform.organizations (id) on delete cascade,
  user_id         uuid not null references platform.users (id) on delete cascade,
  role            platform.member_role not null default 'member',
  joined_at       timestamptz not null default now(),
  revoked_at      timestamptz,
  primary key (organization_id, user_id)
);

-- Outlives the membership of the organization: who was revoked keeps the row here, and it counts for nothing.
create table platform.project_members (
  project_id uuid not null references platform.projects (id) on delete cascade,
  user_id    uuid not null references platform.users (id) on delete cascade,
  role       platform.project_role not null default 'viewer',
  added_at   timestamptz not null default now(),
  primary key (project_id, user_id)
);

create table platform.organization_invitations (
  id              uuid primary key default gen_random_uuid(),
  organization_id uuid not null references platform.organizations (id) on delete cascade,
  email           public.citext not null,
  role            platform.member_role not null default 'member' check (role <> 'owner'),
  token_hash      text not null unique,
  invited_by      uuid references platform.users (id) on delete set null,
  expires_at      timestamptz not null,
  accepted_at     timestamptz,
  unique (organization_id, email)
);

alter table platform.organization_members     enable row level security, force row level security;
alter table platform.project_members          enable row level security, force row level security;
alter table platform.organization_invitations enable row level security, force row level security;

-- Questions that policies ask about the caller -------------------------------------------------------------------
-- SECURITY DEFINER, because a policy on organization_members that reads organization_members recurses (42P17);
-- search_path is pinned, so that nobody can put a table of their own in front. All of them answer for the caller alone.

create function platform_private.organizations_as(at_least platform.member_role) returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select m.organization_id
  from platform.organization_members m
  where m.user_id = auth.uid() and m.revoked_at is null and m.role >= at_least
$$;

create function platform_private.administered_projects() returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select p.id
  from platform.projects p
  where p.organization_id in (select platform_private.organizations_as('admin'))
$$;

-- Projects that the caller is in as at least this, while still in their organization.
create function platform_private.joined_projects(at_least platform.project_role) returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select p.id
  from platform.projects p
  join platform.project_members m on m.project_id = p.id and m.user_id = auth.uid() and m.role >= at_least
  where p.organization_id in (select platform_private.organizations_as('member'))
$$;

create function platform_private.visible_projects() returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select platform_private.administered_projects()
  union
  select platform_private.joined_projects('viewer')
$$;

create function platform_private.colleagues() returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select m.user_id
  from platform.organization_members m
  where m.revoked_at is null and m.organization_id in (select platform_private.organizations_as('member'))
$$;

-- From the account, not from the token: an address that was changed yesterday is still in today's token.
create function platform_private.my_email() returns public.citext
language sql stable security definer set search_path = ''
as $$
  select u.email from platform.users u where u.id = auth.uid()
$$;

-- The person works in the organization that the project belongs to.
create function platform_private.may_join(project uuid, person uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select 1
    from platform.projects p
    join platform.organization_members m on m.organization_id = p.organization_id
    where p.id = project and m.user_id = person and m.revoked_at is null
  )
$$;

-- EXECUTE goes to PUBLIC by default. A policy calls its functions with the rights of whoever asks.
revoke execute on all functions in schema platform_private from public;
grant execute on all functions in schema platform_private to authenticated;

-- users ----------------------------------------------------------------------------------------------------------
create policy members_can_read_colleagues on platform.users for select to authenticated
using (id in (select platform_private.colleagues()));

-- organizations --------------------------------------------------------------------------------------------------
create policy members_can_read_own_organizations on platform.organizations for select to authenticated
using (id in (select platform_private.organizations_as('member')));

create policy admins_can_update_own_organizations on platform.organizations for update to authenticated
using (id in (select platform_private.organizations_as('admin')))
with check (id in (select platform_private.organizations_as('admin')));

grant select, update (name, settings) on platform.organizations to authenticated;

-- organization_members -------------------------------------------------------------------------------------------
create policy members_can_read_roster on platform.organization_members for select to authenticated
using (organization_id in (select platform_private.organizations_as('member')));

-- A membership that was revoked is shown to whom it was taken from.
create policy people_can_read_own_memberships on platform.organization_members for select to authenticated
using (user_id = (select auth.uid()));

create policy owners_can_add_members on platform.organization_members for insert to authenticated
with check (organization_id in (select platform_private.organizations_as('owner')));

-- Nobody hands out more than an admin's own right to work: admins add and manage plain members.
create policy admins_can_add_members on platform.organization_members for insert to authenticated
with check (role = 'member' and organization_id in (select platform_private.organizations_as('admin')));

-- Not one's own: an organization cannot lose its last owner by a slip.
create policy owners_can_update_others on platform.organization_members for update to authenticated
using (user_id <> (select auth.uid()) and organization_id in (select platform_private.organizations_as('owner')))
with check (user_id <> (select auth.uid()) and organization_id in (select platform_private.organizations_as('owner')));

create policy admins_can_update_members on platform.organization_members for update to authenticated
using (role = 'member' and organization_id in (select platform_private.organizations_as('admin')))
with check (role = 'member' and organization_id in (select platform_private.organizations_as('admin')));

grant select, insert (organization_id, user_id, role), update (role, revoked_at)
on platform.organization_members to authenticated;

-- projects -------------------------------------------------------------------------------------------------------
create policy participants_can_read_projects on platform.projects for select to authenticated
using (id in (select platform_private.visible_projects()));

create policy admins_can_create_projects on platform.projects for insert to authenticated
with check (organization_id in (select platform_private.organizations_as('admin')));

create policy admins_and_maintainers_can_update_projects on platform.projects for update to authenticated
using (
  id in (select platform_private.administered_projects())
  or id in (select platform_private.joined_projects('maintainer'))
)
with check (
  id in (select platform_private.administered_projects())
  or id in (select platform_private.joined_projects('maintainer'))
);

create policy admins_can_delete_projects on platform.projects for delete to authenticated
using (id in (select platform_private.administered_projects()));

grant select, insert (organization_id, name, status, tags, settings), update (name, status, tags, settings), delete
on platform.projects to authenticated;

-- project_members ------------------------------------------------------------------------------------------------
create policy participants_can_read_team on platform.project_members for select to authenticated
using (project_id in (select platform_private.visible_projects()));

create policy admins_can_add_colleagues on platform.project_members for insert to authenticated
with check (
  project_id in (select platform_private.administered_projects())
  and platform_private.may_join(project_id, user_id)
);

create policy admins_can_update_team on platform.project_members for update to authenticated
using (project_id in (select platform_private.administered_projects()))
with check (project_id in (select platform_private.administered_projects()));

create policy admins_can_remove_people on platform.project_members for delete to authenticated
using (project_id in (select platform_private.administered_projects()));

create policy people_can_leave_projects on platform.project_members for delete to authenticated
using (user_id = (select auth.uid()) and project_id in (select platform_private.joined_projects('viewer')));

grant select, insert (project_id, user_id, role), update (role), delete on platform.project_members to authenticated;

-- project_addons, project_metrics --------------------------------------------------------------------------------
create policy participants_can_read_addons on platform.project_addons for select to authenticated
using (project_id in (select platform_private.visible_projects()));

create policy admins_can_book_addons on platform.project_addons for insert to authenticated
with check (project_id in (select platform_private.administered_projects()));

create policy admins_can_configure_addons on platform.project_addons for update to authenticated
using (project_id in (select platform_private.administered_projects()))
with check (project_id in (select platform_private.administered_projects()));

create policy admins_can_cancel_addons on platform.project_addons for delete to authenticated
using (project_id in (select platform_private.administered_projects()));

grant select, insert (project_id, addon_code, config), update (config), delete on platform.project_addons to authenticated;

create policy participants_can_read_metrics on platform.project_metrics for select to authenticated
using (project_id in (select platform_private.visible_projects()));

grant select on platform.project_metrics to authenticated;

-- subscriptions, organization_feature_flags ----------------------------------------------------------------------
create policy members_can_read_subscription on platform.subscriptions for select to authenticated
using (organization_id in (select platform_private.organizations_as('member')));

grant select on platform.subscriptions to authenticated;

create policy members_can_read_own_flags on platform.organization_feature_flags for select to authenticated
using (organization_id in (select platform_private.organizations_as('member')));

create policy admins_can_switch_own_flags on platform.organization_feature_flags for update to authenticated
using (organization_id in (select platform_private.organizations_as('admin')))
with check (organization_id in (select platform_private.organizations_as('admin')));

grant select, update (enabled) on platform.organization_feature_flags to authenticated;

-- organization_invitations ---------------------------------------------------------------------------------------
create policy admins_can_read_invitations on platform.organization_invitations for select to authenticated
using (organization_id in (select platform_private.organizations_as('admin')));

create policy invited_can_read_own_invitations on platform.organization_invitations for select to authenticated
using (email = (select platform_private.my_email()));

create policy owners_can_invite on platform.organization_invitations for insert to authenticated
with check (
  invited_by = (select auth.uid())
  and organization_id in (select platform_private.organizations_as('owner'))
);

create policy admins_can_invite_members on platform.organization_invitations for insert to authenticated
with check (
  role = 'member'
  and invited_by = (select auth.uid())
  and organization_id in (select platform_private.organizations_as('admin'))
);

create policy admins_can_withdraw_invitations on platform.organization_invitations for delete to authenticated
using (accepted_at is null and organization_id in (select platform_private.organizations_as('admin')));

grant
  select (id, organization_id, email, role, invited_by, expires_at, accepted_at),
  insert (organization_id, email, role, token_hash, invited_by, expires_at),
  delete
on platform.organization_invitations to authenticated;

-- api_keys: every member sees which keys there are, nobody who signs in sees a hash -------------------------------
create policy members_can_read_keys on platform.api_keys for select to authenticated
using (organization_id in (select platform_private.organizations_as('member')));

create policy admins_can_revoke_keys on platform.api_keys for update to authenticated
using (organization_id in (select platform_private.organizations_as('admin')))
with check (organization_id in (select platform_private.organizations_as('admin')));

grant
  select (id, organization_id, name, key_prefix, scopes, created_by, created_at, revoked_at),
  update (name, revoked_at)
on platform.api_keys to authenticated;

-- audit_logs: read by admins, written by the trigger below ---------------------------------------------------------
create policy admins_can_read_log on platform.audit_logs for select to authenticated
using (organization_id in (select platform_private.organizations_as('admin')));

grant select on platform.audit_logs to authenticated;

create function platform_private.write_log() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  entity jsonb := pg_catalog.to_jsonb(coalesce(new, old)) - 'key_hash';
begin
  insert into platform.audit_logs (organization_id, actor_id, action, entity)
  values ((entity ->> 'organization_id')::uuid, auth.uid(), tg_table_name || '.' || lower(tg_op), entity);
  return null;
end
$$;
revoke execute on function platform_private.write_log() from public;

create trigger organization_members_log after insert or update or delete on platform.organization_members
for each row execute function platform_private.write_log();
create trigger projects_log after insert or update or delete on platform.projects
for each row execute function platform_private.write_log();
create trigger api_keys_log after insert or update or delete on platform.api_keys
for each row execute function platform_private.write_log();

grant select, insert, update, delete on
  platform.organization_members, platform.project_members, platform.organization_invitations
to service_role;

-- What the API calls: /rpc, Content-Profile: platform ---------------------------------------------------------------

-- Whoever creates an organization owns it: both rows or none.
create function platform.create_organization(organization_name text, organization_slug text)
returns setof platform.organizations
language sql volatile security definer set search_path = ''
as $$
  with made as (
    insert into platform.organizations (name, slug, created_by)
    select organization_name, organization_slug, u.id from platform.users u where u.id = auth.uid()
    returning *
  ), owned as (
    insert into platform.organization_members (organization_id, user_id, role)
    select made.id, made.created_by, 'owner' from made
  )
  select * from made
$$;

-- For whoever has the address that was invited, and refused to everybody else. Somebody whose membership was revoked comes
-- back as what the invitation says; who is a member already stays what they are.
create function platform.accept_invitation(invitation uuid) returns platform.organization_members
language plpgsql volatile security definer set search_path = ''
as $$
declare
  accepted platform.organization_invitations;
  membership platform.organization_members;
begin
  update platform.organization_invitations i
  set accepted_at = pg_catalog.now()
  where i.id = invitation
    and i.accepted_at is null
    and i.expires_at > pg_catalog.now()
    and i.email operator(public.=) platform_private.my_email()
  returning * into accepted;
  if accepted.id is null then
    raise insufficient_privilege using message = 'there is no open invitation of yours by this id';
  end if;

  insert into platform.organization_members as m (organization_id, user_id, role)
  values (accepted.organization_id, auth.uid(), accepted.role)
  on conflict (organization_id, user_id) do update
    set role = case when m.revoked_at is null then m.role else excluded.role end, revoked_at = null
  returning m.* into membership;
  return membership;
end
$$;

-- What the bill is made from: all that was measured in an organization, for those who administer it.
create function platform.organization_usage(organization uuid) returns setof platform.project_metrics
language sql stable security definer set search_path = ''
as $$
  select x.*
  from platform.project_metrics x
  join platform.projects p on p.id = x.project_id
  where p.organization_id = organization
    and organization in (select platform_private.organizations_as('admin'))
$$;

revoke execute on function
  platform.create_organization(text, text), platform.accept_invitation(uuid), platform.organization_usage(uuid)
from public;
grant execute on function
  platform.create_organization(text, text), platform.accept_invitation(uuid), platform.organization_usage(uuid)
to authenticated;
