-- variant: session-ended-blind
-- teaches: A DELETE without WHERE is not held back by the SELECT policies: who sees one session can sign everybody out.
-- finds: { verdict: leak, persona: otto, relation: platform.user_sessions, operation: blind_delete, channels: [direct] }
-- finds: { verdict: pass, persona: otto, relation: platform.user_sessions, operation: delete, channels: [direct, rest] }
-- exit: 1

alter policy people_can_end_own_sessions on platform.user_sessions using (true);
