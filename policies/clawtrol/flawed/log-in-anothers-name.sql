-- variant: log-in-anothers-name
-- teaches: WITH CHECK that does not ask for one's own name lets everybody write entries in every name, and in none.
-- finds: { verdict: leak, persona: max, relation: public.audit_log, operation: insert, channels: [direct] }
-- finds: { verdict: leak, persona: ada, relation: public.audit_log, operation: insert, channels: [direct] }
-- exit: 1

alter policy entries_in_ones_own_name on public.audit_log
with check (clawtrol.user_role() in ('admin', 'member'));
