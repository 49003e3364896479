-- Schemas in which a session of one of the roles finds something: a relation on which the role holds any privilege, or a
-- SECURITY DEFINER routine that it may execute. Every schema is looked at, whatever the matrix names: a run reads those that
-- sessions without a gateway can use, and reports those that the gateway exposes and the matrix does not list.
-- facts: roles. Left out: superusers, for whom that is everything, and what an extension brought along.
with input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[])
select 'undeclared-exposed-schema' as kind, n.nspname::text as schema, n.nspname::text as name,
       jsonb_build_object('roles', jsonb_agg(r.rolname order by r.rolname)) as facts
from input
join pg_roles r on r.rolname = any (input.roles) and not r.rolsuper
join pg_namespace n on n.nspname <> 'information_schema' and n.nspname not like 'pg\_%' and has_schema_privilege(r.oid, n.oid, 'usage')
where exists (
    select from pg_class c
    where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and (has_any_column_privilege(r.oid, c.oid, 'select, insert, update') or has_table_privilege(r.oid, c.oid, 'delete, truncate'))
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
  or exists (
    select from pg_proc p
    where p.pronamespace = n.oid and p.prosecdef and has_function_privilege(r.oid, p.oid, 'execute')
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'))
group by n.nspname
order by n.nspname
