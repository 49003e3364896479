-- The platform's roles beside those of supabase_roles.sql, their memberships and settings. Once a server, as supabase_admin,
-- which is its bootstrap superuser. `postgres` applies the migrations and is no superuser, as on the platform.
-- Left out: session_preload_libraries (without the libraries every login would fail), the search_path of supabase_admin
-- (rowgate's own connection), and temporary or optional roles (cli_login_postgres, pgsodium_*, pgtle_admin).
create role postgres login inherit createdb createrole replication bypassrls;
create role supabase_privileged_role nologin;
create role supabase_auth_admin login noinherit createrole;
create role supabase_storage_admin login noinherit createrole;
create role supabase_realtime_admin nologin noinherit;
create role supabase_functions_admin login noinherit createrole;
create role supabase_replication_admin login replication;
create role supabase_read_only_user login bypassrls;
create role supabase_etl_admin login replication bypassrls;
create role dashboard_user nologin createdb createrole replication;
create role pgbouncer login;

-- What a member inherits follows from its INHERIT or NOINHERIT above, in all versions of Postgres.
grant anon, authenticated, service_role, authenticator, pg_monitor, pg_read_all_data, pg_signal_backend
  to postgres with admin option;
do $$
begin
  if current_setting('server_version_num')::int >= 160000 then
    execute 'grant pg_create_subscription to postgres with admin option';
  end if;
end
$$;
grant supabase_privileged_role, supabase_functions_admin, supabase_realtime_admin to postgres;
grant authenticator to supabase_storage_admin;
grant pg_monitor, pg_read_all_data, supabase_privileged_role to supabase_etl_admin;
grant pg_monitor, pg_read_all_data to supabase_read_only_user;

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
-- The backslash is the platform's: an identifier that no schema has.
alter role postgres set search_path = '\$user', public, extensions;
alter role supabase_auth_admin set search_path = auth;
alter role supabase_auth_admin set idle_in_transaction_session_timeout = 60000;
alter role supabase_storage_admin set search_path = storage;
alter role supabase_functions_admin set search_path = supabase_functions;
alter role supabase_read_only_user set default_transaction_read_only = on;

alter database postgres owner to postgres;
