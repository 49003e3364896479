-- variant: drop-every-policy
-- teaches: RLS without policies denies everybody, but for the view, which asks no policy: no leak anywhere, and nobody can work.
-- finds: { verdict: lockout, persona: ana, relation: public.organization_users, operation: select, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: anon, relation: public.available_modules, operation: select, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: ana, relation: public.user_dashboard_widgets, operation: insert, channels: [direct, rest] }
-- finds: { verdict: lockout, persona: adela, relation: public.available_modules, operation: update, channels: [direct, rest] }
-- finds: { verdict: pass, persona: ana, relation: public.member_profiles, operation: select, channels: [direct, rest] }
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
