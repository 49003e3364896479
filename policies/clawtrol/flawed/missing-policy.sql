-- variant: missing-policy
-- teaches: A policy that is missing hurts as quietly as one too many: the list of projects is empty for those who work in them.
-- finds: { verdict: lockout, persona: max, relation: public.projects, operation: select, channels: [direct] }
-- finds: { verdict: lockout, persona: vera, relation: public.projects, operation: select, channels: [direct] }
-- finds: { verdict: lockout, persona: report_max, relation: public.projects, operation: select, channels: [direct] }
-- exit: 1

drop policy own_projects on public.projects;
