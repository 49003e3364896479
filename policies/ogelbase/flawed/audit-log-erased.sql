-- variant: audit-log-erased
-- teaches: The service key bypasses every policy, so what it may not do, no grant may allow: "grant all" lets it rewrite the log.
-- finds: { verdict: leak, persona: service, relation: platform.audit_logs, operation: update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: service, relation: platform.audit_logs, operation: delete, channels: [direct, rest] }
-- finds: { verdict: leak, persona: service, relation: platform.audit_logs, operation: truncate, channels: [direct] }
-- exit: 1

grant all on all tables in schema platform to service_role;
