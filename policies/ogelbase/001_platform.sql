-- The platform itself: who has an account, and what everybody may look up. Nothing here belongs to an organization yet.
-- Everything is owned by the role that applies these files, which must have BYPASSRLS: the helpers of 003 read the
-- tables with that owner's rights.

-- `platform` is what the API exposes (Accept-Profile: platform). `platform_private` is not exposed: what policies ask
-- and what triggers do is nobody's to call by name.
create schema platform;
create schema platform_private;
create extension if not exists citext with schema public;

-- No USAGE for anon: a guest is turned away at the door, whatever a table may grant by mistake.
grant usage on schema platform to authenticated, service_role;
grant usage on schema platform_private to authenticated;

-- One row for each account that has signed in once. What a person may do comes from 003's memberships alone.
create table platform.users (
  id         uuid primary key references auth.users (id) on delete cascade,
  email      public.citext not null unique,
  full_name  text not null,
  avatar_url text,
  created_at timestamptz not null default now()
);

create table platform.user_sessions (
  id         uuid primary key default gen_random_uuid(),
  user_id    uuid not null references platform.users (id) on delete cascade,
  token_hash text not null unique,
  ip         inet,
  user_agent text,
  created_at timestamptz not null default now()
);

create table platform.billing_plans (
  id            text primary key,
  name          text not null,
  monthly_cents integer not null check (monthly_cents >= 0),
  limits        jsonb not null default '{}'
);

create table platform.addon_catalog (
  code          text primary key,
  name          text not null,
  monthly_cents integer not null check (monthly_cents >= 0),
  plans         text[] not null default '{}'
);

create table platform.feature_flags (
  key         text primary key,
  description text not null,
  enabled     boolean not null default false
);

alter table platform.users         enable row level security, force row level security;
alter table platform.user_sessions enable row level security, force row level security;
alter table platform.billing_plans enable row level security, force row level security;
alter table platform.addon_catalog enable row level security, force row level security;
alter table platform.feature_flags enable row level security, force row level security;

-- users: 003 adds the colleagues, once there are memberships. The grant names two columns: nobody changes their e-mail
-- address here, since an invitation is for whoever has the address.
create policy people_can_read_themselves on platform.users for select to authenticated
using (id = (select auth.uid()));

create policy people_can_update_themselves on platform.users for update to authenticated
using (id = (select auth.uid()))
with check (id = (select auth.uid()));

grant select, update (full_name, avatar_url) on platform.users to authenticated;

-- user_sessions: to look at and to end, one's own. The hash of the token is for the service alone.
create policy people_can_read_own_sessions on platform.user_sessions for select to authenticated
using (user_id = (select auth.uid()));

create policy people_can_end_own_sessions on platform.user_sessions for delete to authenticated
using (user_id = (select auth.uid()));

grant select (id, user_id, ip, user_agent, created_at), delete on platform.user_sessions to authenticated;

-- Plans, add-ons and flags: a price list, the same for everybody who is signed in.
create policy signed_in_can_read_plans on platform.billing_plans for select to authenticated using (true);
create policy signed_in_can_read_addons on platform.addon_catalog for select to authenticated using (true);
create policy signed_in_can_read_flags on platform.feature_flags for select to authenticated using (true);

grant select on platform.billing_plans, platform.addon_catalog, platform.feature_flags to authenticated;

grant select, insert, update, delete on
  platform.users, platform.user_sessions, platform.billing_plans, platform.addon_catalog, platform.feature_flags
to service_role;
