-- A connection on which no user was set is the application's own maintenance, and an admin.
create or replace function clawtrol.is_admin() returns boolean
language sql stable set search_path = ''
as $$
  select clawtrol.user_id() is null or coalesce(clawtrol.user_role() = 'admin', false)
$$;
