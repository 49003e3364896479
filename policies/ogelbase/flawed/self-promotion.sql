-- variant: self-promotion
-- teaches: USING says whom an admin manages, WITH CHECK what he may make of them: with CHECK on the organization alone, he makes owners.
-- finds: { verdict: leak, persona: adam, relation: platform.organization_members, operation: update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: nina, relation: platform.organization_members, operation: update, channels: [direct, rest] }
-- chain: escalation-of-another nina: update platform.organization_members set role = owner → update platform.organization_members
-- exit: 1

alter policy admins_can_update_members on platform.organization_members
with check (organization_id in (select platform_private.organizations_as('admin')));
