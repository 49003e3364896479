-- The tables of a people directory that several organizations share. Everything is owned by the role that applies
-- this file, which must have BYPASSRLS (as `postgres` has on Supabase): the helpers of 020 and the view of 030 read
-- these tables with that owner's rights.

create table public.organizations (
  id     integer primary key,
  name   text not null unique,
  locale text not null default 'en'
);

-- One row for each member, keyed by the account. A membership is not deleted but revoked, so every reader must ask
-- for status = 'active'. The fourteen columns at the end are the ones that a member shows or hides one by one;
-- employee_number is for payroll and is shown to no one, not even to its owner.
create table public.organization_users (
  id              uuid primary key references auth.users (id) on delete cascade,
  organization_id integer not null references public.organizations (id) on delete cascade,
  name            text not null,
  role            text not null default 'member' check (role in ('manager', 'member')),
  status          text not null default 'active' check (status in ('active', 'revoked')),
  employee_number text unique,

  bio             text,
  email           text,
  fun_facts       text,
  interests       text[],
  personal_email  text,
  phone           text,
  video_intro     text,
  voice_intro     text,
  pronouns        text,
  mobile_phone    text,
  location        text,
  job_title       text,
  work_phone      text,
  timezone        text
);

-- Who may see a field: everyone in the organization, its managers only, or none but oneself. A field without a row
-- is hidden as if the row said none.
create table public.user_field_visibility (
  user_id          uuid not null references public.organization_users (id) on delete cascade,
  field_name       text not null check (field_name in (
    'bio', 'email', 'fun_facts', 'interests', 'personal_email', 'phone', 'video_intro', 'voice_intro',
    'pronouns', 'mobile_phone', 'location', 'job_title', 'work_phone', 'timezone'
  )),
  visibility_level text not null check (visibility_level in ('everyone', 'manager', 'none')),
  primary key (user_id, field_name)
);

-- The catalogue of what a dashboard can show. A module that stands on somebody's dashboard cannot be deleted.
create table public.available_modules (
  module_key  text primary key,
  title       text not null,
  is_enabled  boolean not null default true
);

create table public.user_dashboard_widgets (
  id          bigint generated always as identity primary key,
  user_id     uuid not null references public.organization_users (id) on delete cascade,
  widget_type text not null references public.available_modules (module_key),
  position    smallint not null default 0,
  is_visible  boolean not null default true,
  unique (user_id, widget_type)
);

-- Who keeps the catalogue. Being in this list shows nobody's fields.
create table public.platform_admins (
  user_id uuid primary key references auth.users (id) on delete cascade,
  reason  text not null
);
