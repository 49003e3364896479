-- variant: drop-every-policy
-- teaches: RLS without policies denies everybody: no leak anywhere, and nobody can work.
-- finds: { verdict: lockout, persona: ada, relation: public.tasks, operation: select, channels: [direct] }
-- finds: { verdict: lockout, persona: max, relation: public.tasks, operation: insert, channels: [direct] }
-- finds: { verdict: lockout, persona: ada, relation: public.settings, operation: blind_update, channels: [direct] }
-- finds: { verdict: lockout, persona: nia, relation: public.task_labels, operation: delete, channels: [direct] }
-- finds: { verdict: lockout, persona: report_ada, relation: public.users, operation: select, channels: [direct] }
-- exit: 1

do $$
declare
  one record;
begin
  for one in select policyname, tablename from pg_catalog.pg_policies where schemaname = 'public' loop
    execute format('drop policy %I on public.%I', one.policyname, one.tablename);
  end loop;
end
$$;
