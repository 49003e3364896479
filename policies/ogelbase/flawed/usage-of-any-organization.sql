-- variant: usage-of-any-organization
-- teaches: The organization comes as an argument, so anybody can name any: the function must ask whether the caller administers the one that was named.
-- finds: { verdict: leak, persona: otto, relation: platform.organization_usage, operation: execute(of_acme), channels: [direct, rest] }
-- finds: { verdict: leak, persona: mia, relation: platform.organization_usage, operation: execute(of_acme), channels: [direct, rest] }
-- finds: { verdict: leak, persona: olivia, relation: platform.organization_usage, operation: execute(of_cobalt), channels: [direct, rest] }
-- finds: { verdict: pass, persona: olivia, relation: platform.organization_usage, operation: execute(of_acme), channels: [direct, rest] }
-- finds: { verdict: pass, persona: service, relation: platform.organization_usage, operation: execute(of_acme), channels: [direct, rest] }
-- exit: 1

create or replace function platform.organization_usage(organization uuid) returns setof platform.project_metrics
language sql stable security definer set search_path = ''
as $$
  select x.*
  from platform.project_metrics x
  join platform.projects p on p.id = x.project_id
  where p.organization_id = organization
$$;
