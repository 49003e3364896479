-- Roles belong to the server and not to the database: this file may run again, and sets what they are each time.
-- Two can log in, and there is no PostgREST in front: the application says who is at work by the setting app.user_id, once
-- in each transaction. The third owns the tables and is nobody who logs in.
do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('clawtrol_owner',    'nologin nosuperuser nobypassrls'),
      ('clawtrol_app',      'login nosuperuser nobypassrls noinherit'),
      -- Reports: reads what the user may read, and writes nothing, whoever it is.
      ('clawtrol_readonly', 'login nosuperuser nobypassrls noinherit')
    ) as roles (name, attributes)
  loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted.name) then
      execute format('create role %I', wanted.name);
    end if;
    execute format('alter role %I %s', wanted.name, wanted.attributes);
    -- Nothing comes along with a login: who is at work is said by the application, or by nobody.
    execute format('alter role %I reset all', wanted.name);
  end loop;
end
$$;

-- Helpers live here, where nothing is exposed.
create schema clawtrol;
grant usage on schema clawtrol to clawtrol_app, clawtrol_readonly;
