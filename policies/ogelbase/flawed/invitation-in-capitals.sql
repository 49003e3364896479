-- variant: invitation-in-capitals
-- teaches: citext compared as text is text: whoever was invited in capitals sees no invitation, and everybody else does.
-- finds: { verdict: lockout, persona: otto, relation: platform.organization_invitations, operation: select, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: mia, relation: platform.organization_invitations, operation: select, channels: [direct, rest] }
-- finds: { verdict: pass, persona: max, relation: platform.organization_invitations, operation: select, channels: [direct, rest] }
-- exit: 1

alter policy invited_can_read_own_invitations on platform.organization_invitations
using (email::text = (select platform_private.my_email())::text);
