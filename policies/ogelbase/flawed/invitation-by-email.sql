-- variant: invitation-by-email
-- teaches: "The address is in users" leans on the policies of users, which show colleagues too: Borealis's offer to Mia is read by everybody at Acme.
-- finds: { verdict: leak, persona: adam, relation: platform.organization_invitations, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: max, relation: platform.organization_invitations, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: nina, relation: platform.organization_invitations, operation: select, channels: [direct, rest] }
-- finds: { verdict: pass, persona: otto, relation: platform.organization_invitations, operation: select, channels: [direct, rest] }
-- exit: 1

alter policy invited_can_read_own_invitations on platform.organization_invitations
using (email in (select u.email from platform.users u));
