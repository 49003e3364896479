-- variant: task-moved
-- teaches: USING says which tasks may be changed, WITH CHECK what they may become: with true, a task moves into another project.
-- finds: { verdict: leak, persona: max, relation: public.tasks, operation: update, channels: [direct] }
-- finds: { verdict: leak, persona: neil, relation: public.tasks, operation: update, channels: [direct] }
-- exit: 1

alter policy members_change_tasks_of_own_projects on public.tasks with check (true);
