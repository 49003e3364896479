-- variant: report-bypasses-rls
-- teaches: BYPASSRLS replaces no grant, but it makes every row that a grant reaches visible, in nobody's name too.
-- finds: { verdict: leak, persona: report, relation: public.tasks, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: report_max, relation: public.audit_log, operation: select, channels: [direct] }
-- exit: 1
-- names: superuser-persona report clawtrol_readonly bypassrls

alter role clawtrol_readonly bypassrls;
