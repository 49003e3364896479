-- variant: session-of-others
-- teaches: "Colleagues may be seen" is right for names and wrong for sessions: where somebody is signed in, and from which address, is their own.
-- finds: { verdict: leak, persona: mia, relation: platform.user_sessions, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: boris, relation: platform.user_sessions, operation: select, channels: [direct, rest] }
-- finds: { verdict: pass, persona: otto, relation: platform.user_sessions, operation: select, channels: [direct, rest] }
-- exit: 1

create policy colleagues_can_read_sessions on platform.user_sessions for select to authenticated
using (user_id in (select platform_private.colleagues()));
