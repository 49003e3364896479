-- Schemas with their owners, and what the platform's extensions bring at the start. As supabase_admin, in one database.
create schema extensions authorization postgres;
create extension pgcrypto schema extensions;
create extension "uuid-ossp" schema extensions;
create extension pg_stat_statements schema extensions;

create schema auth;
create schema storage;
create schema realtime;
create schema vault;
create schema graphql;
create schema graphql_public;
create schema pgbouncer authorization pgbouncer;
create schema supabase_migrations authorization postgres;

grant usage on schema public to postgres, anon, authenticated, service_role;
grant usage on schema extensions to anon, authenticated, service_role;
grant usage, create on schema extensions to dashboard_user;
grant usage on schema auth, storage, realtime, graphql, graphql_public to anon, authenticated, service_role, postgres;
grant usage on schema storage, graphql, graphql_public, vault to postgres with grant option;
grant usage on schema vault to service_role;
grant usage, create on schema auth to supabase_auth_admin, dashboard_user;
grant usage, create on schema storage to dashboard_user;
grant usage, create on schema storage to supabase_storage_admin with grant option;
grant usage, create on schema realtime to supabase_realtime_admin;

create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text);
create table supabase_migrations.seed_files (path text primary key, hash text not null);
alter table supabase_migrations.schema_migrations owner to postgres;
alter table supabase_migrations.seed_files owner to postgres;

create publication supabase_realtime;
alter publication supabase_realtime owner to postgres;
