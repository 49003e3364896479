-- Bodies of the system's own functions: policies call them to find out who asks and what that user may do.
select n.nspname as schema,
       p.proname as name,
       l.lanname as language,
       p.prosrc as source,
       case when p.prosqlbody is null then null else pg_get_function_sqlbody(p.oid) end as "sqlBody"
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
where l.lanname in ('sql', 'plpgsql')
  and p.prokind = 'f'
  and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'auth', 'storage', 'realtime', 'vault', 'extensions', 'graphql')
  -- What an extension brings asks nothing of the system's rows.
  and not exists (
    select from pg_depend d
    where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
  )
