-- variant: task-taken
-- teaches: Who may take a task may do with it what its owner may: viewers who "claim" tasks then delete those of others.
-- finds: { verdict: leak, persona: vic, relation: public.tasks, operation: update, channels: [direct] }
-- chain: escalation vic: update public.tasks set userId = u-vic → delete public.tasks
-- exit: 1

-- Viewers, too: these policies ask for the project alone.
create policy users_claim_tasks on public.tasks for update
using (clawtrol.is_in_project(project)) with check ("userId" = clawtrol.user_id() and clawtrol.is_in_project(project));
create policy users_delete_own_tasks on public.tasks for delete
using ("userId" = clawtrol.user_id() and clawtrol.is_in_project(project));
