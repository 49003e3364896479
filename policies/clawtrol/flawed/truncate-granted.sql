-- variant: truncate-granted
-- teaches: TRUNCATE asks no policy: the log is append-only until somebody grants ALL.
-- finds: { verdict: leak, persona: ada, relation: public.audit_log, operation: truncate, channels: [direct] }
-- finds: { verdict: leak, persona: nobody, relation: public.audit_log, operation: truncate, channels: [direct] }
-- finds: { verdict: leak, persona: max, relation: public.audit_log, operation: truncate, channels: [direct] }
-- exit: 1

grant truncate on public.audit_log to clawtrol_app;
