-- variant: empty-table
-- teaches: Nobody sees a row of an empty table, so nothing that is said of it is proved: vacuous, not passed.
-- finds: { verdict: vacuous, persona: max, relation: public.task_labels, operation: select, channels: [direct] }
-- finds: { verdict: vacuous, persona: nobody, relation: public.task_labels, operation: select, channels: [direct] }
-- finds: { verdict: vacuous, persona: ada, relation: public.task_labels, operation: delete, channels: [direct] }
-- exit: 1

delete from public.task_labels;
