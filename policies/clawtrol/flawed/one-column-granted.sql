-- variant: one-column-granted
-- teaches: A grant on one column is a grant: whoever may read the keys of all settings may count them, and knows which there are.
-- finds: { verdict: leak, persona: report_ada, relation: public.settings, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: report, relation: public.settings, operation: select, channels: [direct] }
-- exit: 1

grant select (key) on public.settings to clawtrol_readonly;
