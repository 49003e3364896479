-- variant: recursion
-- teaches: A membership policy that reads organization_members from organization_members fails every query with 42P17; that is an error, and neither a denial nor a pass.
-- finds: { verdict: error, persona: olivia, relation: platform.organization_members, operation: select, channels: [direct, rest] }
-- finds: { verdict: error, persona: mia, relation: platform.organization_members, operation: select, channels: [direct, rest] }
-- finds: { verdict: error, persona: otto, relation: platform.organization_members, operation: select, channels: [direct, rest] }
-- finds: { verdict: error, persona: otto, relation: platform.organization_members, operation: update, channels: [direct, rest] }
-- finds: { verdict: pass, persona: service, relation: platform.organization_members, operation: select, channels: [direct, rest] }
-- exit: 2
-- names: 42P17

-- The way everybody writes it first.
alter policy members_can_read_roster on platform.organization_members
using (
  organization_id in (
    select m.organization_id from platform.organization_members m
    where m.user_id = (select auth.uid()) and m.revoked_at is null
  )
);
