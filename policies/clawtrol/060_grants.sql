grant select on all tables in schema public to clawtrol_app;
grant insert, update, delete on public.projects, public.project_members, public.tasks, public.settings to clawtrol_app;
grant insert, delete on public.users, public.task_labels to clawtrol_app;
grant update ("githubLogin", role, "isActive") on public.users to clawtrol_app;
grant insert on public.audit_log to clawtrol_app;
grant usage on sequence public.task_number to clawtrol_app;

-- Settings hold the secrets of webhooks: no report needs them.
grant select on public.users, public.projects, public.project_members, public.tasks, public.task_labels, public.audit_log
to clawtrol_readonly;
