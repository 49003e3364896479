-- Functions that rowgate mutate changes: those that policies call, and those that the matrix asks about ($1: their oids). Those
-- of the platform (auth.uid) are not the matrix's to test.
select p.oid::text as oid, n.nspname as schema, p.proname as name,
  pg_get_function_arguments(p.oid) as arguments, pg_get_function_identity_arguments(p.oid) as signature,
  pg_get_function_result(p.oid) as result, pg_get_functiondef(p.oid) as definition,
  p.proretset or p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype, 'void'::regtype) as "withoutValue",
  p.prosecdef as definer, r.rolname as owner,
  exists (select from unnest(p.proconfig) s where s like 'search_path=%') as pinned,
  array(select distinct case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee)::text end
    from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.privilege_type = 'EXECUTE') as grantees,
  array(select u.rolname::text from pg_roles u where not has_schema_privilege(u.oid, n.oid, 'usage')) as "closedTo",
  h.helps as "helps"
from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  join pg_roles r on r.oid = p.proowner,
  lateral (select exists (
    select from pg_depend d
    where d.classid = 'pg_policy'::regclass and d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid) as helps) h
where p.prokind = 'f' and n.nspname not in ('pg_catalog', 'information_schema', 'auth', 'storage', 'extensions')
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
  and (h.helps or p.oid::text = any($1))
order by 2, 3, 5
