-- From the trusted application to the state that ../../NNN_*.sql describes.
alter table public.tasks enable row level security, force row level security;
alter table public.task_labels enable row level security, force row level security;
alter table public.settings enable row level security, force row level security;

-- No user, no rights.
create or replace function clawtrol.is_admin() returns boolean
language sql stable set search_path = ''
as $$
  select coalesce(clawtrol.user_role() = 'admin', false)
$$;

-- The log is appended to, in one's own name, and never changed.
revoke update, delete, truncate on public.audit_log from clawtrol_app;
drop policy admins_do_everything on public.audit_log;
drop policy entries on public.audit_log;
create policy entries_in_ones_own_name on public.audit_log for insert
with check (clawtrol.user_role() in ('admin', 'member') and "userId" = clawtrol.user_id());
