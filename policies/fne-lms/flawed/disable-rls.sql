-- variant: disable-rls
-- teaches: Policies count only while RLS is on: with it off, whoever holds a grant reaches every row.
-- finds: { verdict: leak, persona: oscar, relation: public.cuotas, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: oscar, relation: public.courses, operation: update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: oscar, relation: public.courses, operation: blind_delete, channels: [direct, rest] }
-- finds: { verdict: leak, persona: raul, relation: public.activity_feed, operation: insert, channels: [direct, rest] }
-- finds: { verdict: leak, persona: anon, relation: public.community_threads, operation: select, channels: [direct, rest] }
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
