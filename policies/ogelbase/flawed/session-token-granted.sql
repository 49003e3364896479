-- variant: session-token-granted
-- teaches: One's own session is one's own to see, its token is not: whoever reads the screen takes the session over.
-- finds: { verdict: leak, persona: rex, relation: platform.user_sessions, operation: select, column: token_hash, channels: [direct, rest] }
-- finds: { verdict: leak, persona: mia, relation: platform.user_sessions, operation: select, column: token_hash, channels: [direct, rest] }
-- finds: { verdict: pass, persona: mia, relation: platform.user_sessions, operation: select, channels: [direct, rest] }
-- exit: 1

grant select (token_hash) on platform.user_sessions to authenticated;
