-- variant: log-for-mia
-- teaches: An exception for one name is a way for everybody to write in it: the matrix sends entries in several other names, and not in one alone.
-- finds: { verdict: leak, persona: max, relation: public.audit_log, operation: insert, channels: [direct] }
-- finds: { verdict: pass, persona: mia, relation: public.audit_log, operation: insert, channels: [direct] }
-- exit: 1

-- "Her integration writes under her id."
create policy entries_of_the_integration on public.audit_log for insert
with check ("userId" = 'u-mia' and clawtrol.user_role() = 'member');
