-- variant: drop-every-policy
-- teaches: RLS without policies denies everybody: no leak anywhere, and nobody can work.
-- finds: { verdict: lockout, persona: olivia, relation: platform.projects, operation: select, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: olivia, relation: platform.projects, operation: insert, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: mia, relation: platform.user_sessions, operation: select, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: rex, relation: platform.billing_plans, operation: select, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: bea, relation: platform.api_keys, operation: blind_update, channels: [direct] }
-- exit: 1

do $$
declare
  one record;
begin
  for one in select policyname, tablename from pg_catalog.pg_policies where schemaname = 'platform' loop
    execute format('drop policy %I on platform.%I', one.policyname, one.tablename);
  end loop;
end
$$;
