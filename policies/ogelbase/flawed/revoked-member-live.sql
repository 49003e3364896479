-- variant: revoked-member-live
-- teaches: A membership is revoked and not deleted: one helper that forgets revoked_at gives a former admin the audit log, and the projects, back.
-- finds: { verdict: leak, persona: rex, relation: platform.audit_logs, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: rex, relation: platform.projects, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: rex, relation: platform.projects, operation: delete, channels: [direct, rest] }
-- finds: { verdict: leak, persona: boris, relation: platform.subscriptions, operation: select, channels: [direct, rest] }
-- finds: { verdict: pass, persona: otto, relation: platform.audit_logs, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: rex, relation: platform_private.organizations_as, operation: execute(admin), channels: [direct] }
-- exit: 1

create or replace function platform_private.organizations_as(at_least platform.member_role) returns setof uuid
language sql stable security definer set search_path = ''
as $$
  select m.organization_id
  from platform.organization_members m
  where m.user_id = auth.uid() and m.role >= at_least
$$;
