-- variant: app-owns-the-table
-- teaches: Policies do not apply to a table's owner unless they are forced, and the application that ran the migration owns what it made.
-- finds: { verdict: leak, persona: nobody, relation: public.tasks, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: otto, relation: public.tasks, operation: update, channels: [direct] }
-- finds: { verdict: leak, persona: max, relation: public.tasks, operation: select, channels: [direct] }
-- exit: 1
-- names: owner-bypasses-rls max clawtrol_app public.tasks

alter table public.tasks owner to clawtrol_app;
alter table public.tasks no force row level security;
