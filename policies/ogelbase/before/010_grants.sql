-- The platform before its review, as overlays on ../NNN_*.sql: the same tables and the same rows.
-- Whole tables, the hashes of keys and of sessions' tokens with them.
grant select on platform.api_keys, platform.user_sessions to authenticated;
grant insert on platform.audit_logs to authenticated;
grant insert, update, delete on platform.project_metrics to authenticated;
