-- Schemas besides $1 in which a session of one of the roles $2 finds something: a relation on which the role holds any
-- privilege, or a SECURITY DEFINER routine that it may execute. No gateway stands between such a session and a schema.
-- Left out: superusers, for whom that is everything, and what an extension brought along.
select n.nspname as name
from pg_namespace n
where n.nspname <> all ($1::text[]) and n.nspname <> 'information_schema' and n.nspname not like 'pg\_%'
  and exists (
    select from pg_roles r
    where r.rolname = any ($2::text[]) and not r.rolsuper and has_schema_privilege(r.oid, n.oid, 'usage')
      and (exists (select from pg_class c
                   where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')
                     and (has_any_column_privilege(r.oid, c.oid, 'select, insert, update')
                          or has_table_privilege(r.oid, c.oid, 'delete, truncate'))
                     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
           or exists (select from pg_proc p
                      where p.pronamespace = n.oid and p.prosecdef and has_function_privilege(r.oid, p.oid, 'execute')
                        and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'))))
order by 1
