-- variant: unset-is-null
-- teaches: A setting that was never set is NULL, and IS NOT DISTINCT FROM finds the rows that name nobody; after the first transaction on the connection the setting is '' and the hole is gone.
-- finds: { verdict: leak, persona: nobody, relation: public.audit_log, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: report, relation: public.audit_log, operation: select, channels: [direct] }
-- exit: 1
-- names: never set

alter policy users_read_their_own_entries on public.audit_log
using ("userId" is not distinct from current_setting('app.user_id', true));
