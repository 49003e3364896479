-- variant: app-is-superuser
-- teaches: A superuser meets no policy and no missing grant: whatever the matrix denies is open, the log included.
-- finds: { verdict: leak, persona: nobody, relation: public.tasks, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: vic, relation: public.tasks, operation: blind_delete, channels: [direct] }
-- finds: { verdict: leak, persona: ada, relation: public.audit_log, operation: truncate, channels: [direct] }
-- finds: { verdict: leak, persona: max, relation: public.audit_log, operation: update, channels: [direct] }
-- exit: 1
-- names: superuser-persona max clawtrol_app superuser

-- "It was the quickest way to let the migrations run."
alter role clawtrol_app superuser;
