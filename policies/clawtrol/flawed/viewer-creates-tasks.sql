-- variant: viewer-creates-tasks
-- teaches: Viewers are members of a project like others: a policy that asks for the project alone lets them write.
-- finds: { verdict: leak, persona: vic, relation: public.tasks, operation: insert, channels: [direct] }
-- finds: { verdict: leak, persona: vera, relation: public.tasks, operation: insert, channels: [direct] }
-- exit: 1

alter policy members_create_own_tasks on public.tasks
with check ("userId" = clawtrol.user_id() and clawtrol.is_in_project(project));
