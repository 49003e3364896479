-- variant: log-updated-by-admin
-- teaches: A log that its admins can mend proves nothing about its admins.
-- finds: { verdict: leak, persona: ada, relation: public.audit_log, operation: update, channels: [direct] }
-- finds: { verdict: leak, persona: ada, relation: public.audit_log, operation: blind_update, channels: [direct] }
-- finds: { verdict: leak, persona: max, relation: public.audit_log, operation: update, channels: [direct] }
-- exit: 1

create policy admins_mend_entries on public.audit_log for update
using (clawtrol.is_admin()) with check (clawtrol.is_admin());
grant update on public.audit_log to clawtrol_app;
