-- variant: disable-rls
-- teaches: Policies count only while RLS is on: with it off, whoever holds a grant reaches every row, whoever is at work.
-- finds: { verdict: leak, persona: nobody, relation: public.tasks, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: otto, relation: public.task_labels, operation: delete, channels: [direct] }
-- finds: { verdict: leak, persona: stranger, relation: public.settings, operation: blind_update, channels: [direct] }
-- finds: { verdict: leak, persona: dora, relation: public.audit_log, operation: insert, channels: [direct] }
-- finds: { verdict: leak, persona: report, relation: public.users, operation: select, channels: [direct] }
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
