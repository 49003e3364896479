-- Every table, view and foreign table of the schemas, with the roles that hold anything on it: whether the matrix declares it
-- is asked of the matrix.
-- facts: kind of relation; roles (USAGE on the schema, and any privilege on the relation or on one of its columns, grants to
-- PUBLIC and inherited ones included). Superusers are left out: they hold everything, which 0005 reports.
with input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[])
select 'undeclared-relation' as kind, n.nspname::text as schema, c.relname::text as name,
       jsonb_build_object(
         'relationKind', case c.relkind when 'r' then 'table' when 'p' then 'partitioned' when 'v' then 'view'
                                        when 'm' then 'materialized' else 'foreign' end,
         'roles', array(select r.rolname from pg_roles r
                        where r.rolname = any (input.roles) and not r.rolsuper
                          and has_schema_privilege(r.oid, n.oid, 'usage')
                          and (has_any_column_privilege(r.oid, c.oid, 'select, insert, update')
                               or has_table_privilege(r.oid, c.oid, 'delete, truncate'))
                        order by 1)) as facts
from input
join pg_namespace n on n.nspname = any (input.schemas)
join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')
order by 2, 3
