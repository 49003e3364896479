-- variant: invited-as-admin
-- teaches: Whoever may invite hands out what the invitation says: without a word on the role in WITH CHECK, admins make admins.
-- finds: { verdict: leak, persona: adam, relation: platform.organization_invitations, operation: insert, channels: [direct, rest] }
-- finds: { verdict: leak, persona: nina, relation: platform.organization_invitations, operation: insert, channels: [direct, rest] }
-- chain: escalation-of-another adam: insert into platform.organization_invitations with email = otto@elsewhere.test, role = admin, then call platform.accept_invitation(the row written) as otto → insert platform.organization_invitations (the row `as_admin_of_acme`)
-- exit: 1

alter policy admins_can_invite_members on platform.organization_invitations
with check (
  invited_by = (select auth.uid())
  and organization_id in (select platform_private.organizations_as('admin'))
);
