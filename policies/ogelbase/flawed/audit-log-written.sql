-- variant: audit-log-written
-- teaches: A log that people may add to in their own name is a log of what people say: an outsider writes into Acme's.
-- finds: { verdict: leak, persona: olivia, relation: platform.audit_logs, operation: insert, channels: [direct, rest] }
-- finds: { verdict: leak, persona: otto, relation: platform.audit_logs, operation: insert, channels: [direct, rest] }
-- exit: 1

create policy people_can_log_what_they_do on platform.audit_logs for insert to authenticated
with check (actor_id = (select auth.uid()));
grant insert on platform.audit_logs to authenticated;
