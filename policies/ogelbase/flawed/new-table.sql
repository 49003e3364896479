-- variant: new-table
-- teaches: A table that a later migration adds to an exposed schema is open at once, and no old test knows of it: undeclared, it fails the run by its name; declared, it leaks.
-- names: undeclared-relation platform.webhook_deliveries
-- declares: { webhook_deliveries: { rows: { of_mine: "organization_id in (select m.organization_id from platform.organization_members m where m.user_id = :sub and m.revoked_at is null)" }, expect: { members: { select: of_mine }, service: allow } } }
-- finds: { verdict: leak, persona: olivia, relation: platform.webhook_deliveries, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: otto, relation: platform.webhook_deliveries, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: rex, relation: platform.webhook_deliveries, operation: blind_update, channels: [direct, rest] }
-- finds: { verdict: pass, persona: anon, relation: platform.webhook_deliveries, operation: select, channels: [direct, rest] }
-- exit: 1

-- As migrations do it that live with default privileges: the grants come by themselves, RLS does not.
create table platform.webhook_deliveries (
  id              bigint generated always as identity primary key,
  organization_id uuid not null references platform.organizations (id) on delete cascade,
  payload         jsonb not null
);
grant select, insert, update, delete on platform.webhook_deliveries to authenticated, service_role;
insert into platform.webhook_deliveries (organization_id, payload)
select id, '{"event": "deployed"}' from platform.organizations;
