-- variant: disable-rls
-- teaches: Policies count only while RLS is on: with it off, whoever holds a grant reaches every row.
-- finds: { verdict: leak, persona: oscar, relation: public.organization_users, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: ana, relation: public.user_field_visibility, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: raul, relation: public.user_dashboard_widgets, operation: delete, channels: [direct, rest] }
-- finds: { verdict: leak, persona: oscar, relation: public.organizations, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: oscar, relation: public.available_modules, operation: insert, channels: [direct, rest] }
-- exit: 1

do $$
declare
  one record;
begin
  for one in select tablename from pg_catalog.pg_tables where schemaname = 'public' loop
    execute format('alter table public.%I disable row level security', one.tablename);
  end loop;
end
$$;
