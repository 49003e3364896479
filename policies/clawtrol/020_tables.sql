create table public.users (
  id text primary key,
  "githubId" text not null unique,
  "githubLogin" text not null,
  role text not null default 'member' check (role in ('admin', 'member', 'viewer')),
  "isActive" boolean not null default true,
  "createdAt" timestamptz not null default now()
);

create table public.projects (
  slug text primary key,
  name text not null
);

-- A membership that ended stays, switched off.
create table public.project_members (
  project text not null references public.projects,
  "userId" text not null references public.users,
  "isActive" boolean not null default true,
  primary key (project, "userId")
);

create sequence public.task_number;
create table public.tasks (
  id text primary key default 't-' || nextval('public.task_number'),
  title text not null,
  "userId" text not null references public.users,
  project text not null references public.projects,
  status text not null default 'todo' check (status in ('todo', 'doing', 'done')),
  "updatedAt" timestamptz not null default now()
);
alter sequence public.task_number owned by public.tasks.id;

-- No key: who clicks twice labels twice.
create table public.task_labels (
  "taskId" text not null references public.tasks on delete cascade,
  label text not null
);

create table public.settings (
  key text primary key,
  value jsonb not null,
  "isPublic" boolean not null default false
);

-- Rows without a user were written by the system itself.
create table public.audit_log (
  id bigint generated always as identity primary key,
  "userId" text references public.users,
  action text not null,
  "entityType" text not null,
  "entityId" text not null,
  details jsonb not null default '{}',
  "createdAt" timestamptz not null default now()
);

do $$
declare
  one record;
begin
  for one in select tablename from pg_catalog.pg_tables where schemaname = 'public' loop
    execute format('alter table public.%I owner to clawtrol_owner', one.tablename);
    execute format('alter table public.%I enable row level security, force row level security', one.tablename);
  end loop;
end
$$;
