-- variant: project-membership-ignored
-- teaches: A member of the organization is not a member of its every project: the second half of the question was left out.
-- finds: { verdict: leak, persona: mia, relation: platform.projects, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: nina, relation: platform.project_metrics, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: boris, relation: platform.project_addons, operation: select, channels: [direct, rest] }
-- finds: { verdict: pass, persona: adam, relation: platform.projects, operation: select, channels: [direct, rest] }
-- exit: 1

create or replace function platform_private.visible_projects() returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select p.id
  from platform.projects p
  where p.organization_id in (select platform_private.organizations_as('member'))
$$;
