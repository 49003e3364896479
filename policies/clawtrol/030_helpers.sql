-- Helpers of the policies. Those that read tables run with their owner's rights, or the policies of `users` would ask the
-- policies of `users`; each pins its search_path and answers for whoever is at work, never for somebody it is asked about.

-- Who is at work. A setting that was never set is NULL, one that was set and rolled back is '': both are nobody.
create function clawtrol.user_id() returns text
language sql stable set search_path = ''
as $$
  select nullif(current_setting('app.user_id', true), '')
$$;

-- The role of whoever is at work; NULL for nobody, for an id that no user has, and for an account that is switched off.
create function clawtrol.user_role() returns text
language sql stable security definer set search_path = ''
as $$
  select u.role from public.users u where u.id = clawtrol.user_id() and u."isActive"
$$;

create function clawtrol.is_admin() returns boolean
language sql stable set search_path = ''
as $$
  select coalesce(clawtrol.user_role() = 'admin', false)
$$;

-- Is whoever is at work in this project, now? Viewers are members of a project like others; they only read.
create function clawtrol.is_in_project(slug text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select clawtrol.user_role() is not null
     and exists (
       select 1 from public.project_members m
       where m.project = slug and m."userId" = clawtrol.user_id() and m."isActive"
     )
$$;

create function clawtrol.is_colleague(other text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select 1 from public.project_members m
    where m."userId" = other and m."isActive" and clawtrol.is_in_project(m.project)
  )
$$;

-- The project of a task, for those who are in it: to others it would tell which tasks there are, and where.
create function clawtrol.project_of(task text) returns text
language sql stable security definer set search_path = ''
as $$
  select t.project from public.tasks t where t.id = task and clawtrol.is_in_project(t.project)
$$;

-- May write in this project: a member, and not a viewer, who is in it.
create function clawtrol.may_work_on(slug text) returns boolean
language sql stable set search_path = ''
as $$
  select coalesce(clawtrol.user_role() = 'member', false) and clawtrol.is_in_project(slug)
$$;

revoke execute on all functions in schema clawtrol from public;
grant execute on all functions in schema clawtrol to clawtrol_app, clawtrol_readonly;
