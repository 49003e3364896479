-- Organizations and what they own. RLS is on from the first day and no policy stands yet: until 003 says who belongs to
-- an organization, the service alone reaches these tables.

create type platform.project_status as enum ('active', 'paused', 'archived');
create type platform.subscription_status as enum ('trialing', 'active', 'past_due', 'canceled');

create table platform.organizations (
  id         uuid primary key default gen_random_uuid(),
  name       text not null,
  slug       public.citext not null unique,
  settings   jsonb not null default '{}',
  created_by uuid references platform.users (id) on delete set null,
  created_at timestamptz not null default now()
);

create table platform.projects (
  id              uuid primary key default gen_random_uuid(),
  organization_id uuid not null references platform.organizations (id) on delete cascade,
  name            text not null,
  slug            text generated always as (lower(replace(name, ' ', '-'))) stored,
  status          platform.project_status not null default 'active',
  tags            text[] not null default '{}',
  settings        jsonb not null default '{}',
  created_at      timestamptz not null default now(),
  unique (organization_id, slug)
);

create table platform.subscriptions (
  id              uuid primary key default gen_random_uuid(),
  organization_id uuid not null unique references platform.organizations (id) on delete cascade,
  plan_id         text not null references platform.billing_plans (id),
  status          platform.subscription_status not null default 'trialing',
  seats           integer not null check (seats > 0),
  renews_on       date
);

create table platform.project_addons (
  project_id uuid not null references platform.projects (id) on delete cascade,
  addon_code text not null references platform.addon_catalog (code),
  config     jsonb not null default '{}',
  added_at   timestamptz not null default now(),
  primary key (project_id, addon_code)
);

-- Measured by the platform, billed to the customer: written with the service key and by nothing else.
create table platform.project_metrics (
  id          bigint generated always as identity primary key,
  project_id  uuid not null references platform.projects (id) on delete cascade,
  metric      text not null,
  value       numeric(18, 3) not null check (value >= 0),
  measured_at timestamptz not null,
  day         date generated always as ((measured_at at time zone 'UTC')::date) stored
);

create table platform.organization_feature_flags (
  organization_id uuid not null references platform.organizations (id) on delete cascade,
  flag_key        text not null references platform.feature_flags (key) on delete cascade,
  enabled         boolean not null,
  primary key (organization_id, flag_key)
);

-- The key is shown once, when the service makes it; what stays is its hash.
create table platform.api_keys (
  id              uuid primary key default gen_random_uuid(),
  organization_id uuid not null references platform.organizations (id) on delete cascade,
  name            text not null,
  key_prefix      text not null,
  key_hash        text not null unique,
  scopes          text[] not null default '{read}',
  created_by      uuid references platform.users (id) on delete set null,
  created_at      timestamptz not null default now(),
  revoked_at      timestamptz
);

-- No foreign keys: an entry outlives what it is about, its organization and its author included.
create table platform.audit_logs (
  id              bigint generated always as identity primary key,
  organization_id uuid not null,
  actor_id        uuid,
  action          text not null,
  entity          jsonb not null,
  logged_at       timestamptz not null default now()
);

alter table platform.organizations              enable row level security, force row level security;
alter table platform.projects                   enable row level security, force row level security;
alter table platform.subscriptions              enable row level security, force row level security;
alter table platform.project_addons             enable row level security, force row level security;
alter table platform.project_metrics            enable row level security, force row level security;
alter table platform.organization_feature_flags enable row level security, force row level security;
alter table platform.api_keys                   enable row level security, force row level security;
alter table platform.audit_logs                 enable row level security, force row level security;

grant select, insert, update, delete on
  platform.organizations, platform.projects, platform.subscriptions, platform.project_addons,
  platform.project_metrics, platform.organization_feature_flags, platform.api_keys
to service_role;

-- Not even the service writes the log: 003's trigger does, with its owner's rights.
grant select on platform.audit_logs to service_role;
