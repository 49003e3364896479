-- From the state before the review to the one that ../../NNN_*.sql describe.

-- Never a hash.
revoke select on platform.api_keys, platform.user_sessions from authenticated;
grant select (id, organization_id, name, key_prefix, scopes, created_by, created_at, revoked_at)
on platform.api_keys to authenticated;
grant select (id, user_id, ip, user_agent, created_at) on platform.user_sessions to authenticated;

-- Sessions and invitations are one's own.
drop policy colleagues_can_read_sessions on platform.user_sessions;
alter policy invited_can_read_own_invitations on platform.organization_invitations
using (email = (select platform_private.my_email()));

-- Metrics are the service's to write, and the log is written by triggers alone.
drop policy participants_can_write_metrics on platform.project_metrics;
revoke insert, update, delete on platform.project_metrics from authenticated;
drop policy people_can_log_what_they_do on platform.audit_logs;
revoke insert on platform.audit_logs from authenticated;
