-- variant: disable-rls
-- teaches: Policies count only while RLS is on: with it off, whoever holds a grant reaches every row of every organization.
-- finds: { verdict: leak, persona: otto, relation: platform.api_keys, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: bea, relation: platform.audit_logs, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: max, relation: platform.projects, operation: insert, channels: [direct, rest] }
-- finds: { verdict: leak, persona: rex, relation: platform.projects, operation: blind_delete, channels: [direct, rest] }
-- finds: { verdict: pass, persona: anon, relation: platform.api_keys, operation: select, channels: [direct, rest] }
-- exit: 1

do $$
declare
  one record;
begin
  for one in select tablename from pg_catalog.pg_tables where schemaname = 'platform' loop
    execute format('alter table platform.%I disable row level security', one.tablename);
  end loop;
end
$$;
