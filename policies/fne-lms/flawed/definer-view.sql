-- variant: definer-view
-- teaches: A view without security_invoker reads with its owner's rights, and this owner bypasses every policy of the table.
-- finds: { verdict: leak, persona: anon, relation: public.community_threads, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: oscar, relation: public.community_threads, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: belen, relation: public.community_threads, operation: select, channels: [direct, rest] }
-- exit: 1

drop view public.community_threads;
create view public.community_threads as
select id, school_id, created_by, subject, deleted_at, created_at
from public.message_threads;
revoke all on public.community_threads from anon, authenticated, service_role;
grant select on public.community_threads to anon, authenticated;
grant select, insert, update, delete on public.community_threads to service_role;
