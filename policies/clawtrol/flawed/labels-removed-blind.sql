-- variant: labels-removed-blind
-- teaches: A DELETE without WHERE is not held back by the SELECT policies: who sees no label can still remove them all.
-- finds: { verdict: leak, persona: otto, relation: public.task_labels, operation: blind_delete, channels: [direct] }
-- finds: { verdict: leak, persona: nobody, relation: public.task_labels, operation: blind_delete, channels: [direct] }
-- exit: 1

alter policy members_unlabel_tasks_of_own_projects on public.task_labels using (true);
