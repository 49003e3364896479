-- Bodies of the database's own functions, with the settings that decide what an unqualified name in them means.
select p.oid::text as oid, p.proname as name, concat(p.prosrc, ' ', pg_get_function_sqlbody(p.oid)) as body,
  coalesce(array_to_string(p.proconfig, ' '), '') as settings
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_%' and p.prokind in ('f', 'p')
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
