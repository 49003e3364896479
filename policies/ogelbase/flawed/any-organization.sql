-- variant: any-organization
-- teaches: "Is an admin" is not "is an admin here": a helper that does not ask of which organization makes every admin an admin of all of them.
-- finds: { verdict: leak, persona: nina, relation: platform.audit_logs, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: bea, relation: platform.api_keys, operation: update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: boris, relation: platform.subscriptions, operation: select, channels: [direct, rest] }
-- finds: { verdict: pass, persona: mia, relation: platform.audit_logs, operation: select, channels: [direct, rest] }
-- finds: { verdict: pass, persona: rex, relation: platform.subscriptions, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: boris, relation: platform_private.organizations_as, operation: execute(member), channels: [direct] }
-- exit: 1

create or replace function platform_private.organizations_as(at_least platform.member_role) returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select o.id
  from platform.organizations o
  where exists (
    select 1
    from platform.organization_members m
    where m.user_id = auth.uid() and m.revoked_at is null and m.role >= at_least
  )
$$;
