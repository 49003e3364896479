-- variant: invited-as-admin
-- teaches: Whoever may invite hands out what the invitation says: without a word on the role in WITH CHECK, admins make admins.
-- finds: { verdict: leak, persona: adam, relation: platform.organization_invitations, operation: insert, channels: [direct, rest] }
-- finds: { verdict: leak, persona: nina, relation: platform.organization_invitations, operation: insert, channels: [direct, rest] }
-- exit: 1

alter policy admins_can_invite_members on platform.organization_invitations
with check (
  invited_by = (select auth.uid())
  and organization_id in (select platform_private.organizations_as('admin'))
);
