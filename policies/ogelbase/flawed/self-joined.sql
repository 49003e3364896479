-- variant: self-joined
-- teaches: "Everybody may add themselves" on the table that all rights come from: an outsider joins any organization, as its owner.
-- finds: { verdict: leak, persona: otto, relation: platform.organization_members, operation: insert, channels: [direct, rest] }
-- finds: { verdict: leak, persona: rex, relation: platform.organization_members, operation: insert, channels: [direct, rest] }
-- chain: escalation otto: insert into platform.organization_members → select platform.api_keys
-- exit: 1

create policy people_can_join on platform.organization_members for insert to authenticated
with check (user_id = (select auth.uid()));
