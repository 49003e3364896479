-- The part of Supabase's schema `auth` that policies call, in one database. Safe to run again.
-- Needs the roles of supabase_roles.sql. Each function answers as Supabase's own
-- (https://github.com/supabase/auth, migrations/*_auth_functions and *_add_auth_jwt_function).

create schema if not exists auth;

-- A setting that was never set is NULL; one that was set in a transaction before and is over is ''.
-- Both mean that nobody is signed in, hence nullif.
-- request.jwt.claim.<name> is what PostgREST set before version 9, request.jwt.claims (JSON) what it sets since.

create or replace function auth.uid() returns uuid language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
  )::uuid
$$;

create or replace function auth.role() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
  )
$$;

create or replace function auth.email() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.email', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
  )
$$;

create or replace function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')
  )::jsonb
$$;

-- What foreign keys to a user point to. The API roles hold nothing on it, as on Supabase.
create table if not exists auth.users (
  id uuid primary key default gen_random_uuid(),
  email text,
  raw_app_meta_data jsonb,
  raw_user_meta_data jsonb,
  created_at timestamptz default now()
);
alter table auth.users enable row level security;

grant usage on schema auth to anon, authenticated, service_role;
grant execute on function auth.uid(), auth.role(), auth.email(), auth.jwt() to anon, authenticated, service_role;

-- The way into `public`, and nothing on its tables: each system's own SQL grants what it means to grant.
grant usage on schema public to anon, authenticated, service_role;
