-- variant: rpc-for-anybody
-- teaches: Functions are open to PUBLIC until somebody revokes it: a later migration makes the RPC anew, and with it the default comes back.
-- finds: { verdict: leak, persona: service, relation: platform.create_organization, operation: execute, channels: [direct, rest] }
-- finds: { verdict: pass, persona: olivia, relation: platform.create_organization, operation: execute, channels: [direct, rest] }
-- finds: { verdict: pass, persona: anon, relation: platform.create_organization, operation: execute, channels: [direct, rest] }
-- exit: 1

drop function platform.create_organization(text, text);
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
