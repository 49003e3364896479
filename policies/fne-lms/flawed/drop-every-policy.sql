-- variant: drop-every-policy
-- teaches: RLS without policies denies everybody: no leak anywhere, and nobody can work.
-- finds: { verdict: lockout, persona: adela, relation: public.cuotas, operation: select, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: bruno, relation: public.courses, operation: select, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: bruno, relation: public.courses, operation: insert, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: adela, relation: public.courses, operation: blind_update, channels: [direct] }
-- finds: { verdict: lockout, persona: belen, relation: public.community_threads, operation: select, channels: [direct, rest] }
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
