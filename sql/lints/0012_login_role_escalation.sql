-- As whom else a login of the run can put policies aside: superusers, roles with BYPASSRLS, owners of tables with policies
-- (FORCE is the owner's to take away), the roles that reach the server's files and programs, by which one becomes a superuser,
-- the ones that stream the database, and whoever holds something on a relation that the login has not by itself. A role
-- becomes another by SET ROLE, and so it does where it may grant itself the other: by ADMIN OPTION, or by CREATEROLE before 16.
-- A superuser may become anybody, which 0005 reports.
-- facts: roles. The schema is null: a role belongs to the whole server. Which of these roles the matrix declares for the login
-- is asked of the matrix.
with input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[]),
granted as materialized (
  select distinct g.grantee as role
  from pg_class c
  cross join lateral (select c.relacl union all select a.attacl from pg_attribute a where a.attrelid = c.oid and a.attacl is not null) l (acl)
  cross join lateral aclexplode(l.acl) g
  where c.relnamespace not in (select oid from pg_namespace where nspname in ('pg_catalog', 'information_schema'))
    and g.grantee <> 0 and g.grantee <> c.relowner and c.relkind in ('r', 'p', 'v', 'm', 'f')
)
select 'login-role-escalation' as kind, null::text as schema, r.rolname::text as name,
       jsonb_build_object('roles', jsonb_agg(o.rolname order by o.rolname)) as facts
from input
join pg_roles r on r.rolname = any (input.logins)
join pg_roles o on not r.rolsuper and o.oid <> r.oid
             and (o.rolsuper or o.rolbypassrls or o.rolreplication
                  or o.rolname in ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
                  or o.rolname in ('pg_read_all_data', 'pg_write_all_data') and not pg_has_role(r.oid, o.oid, 'usage')
                  or exists (select from pg_class c where c.relowner = o.oid and c.relrowsecurity)
                  or exists (select from granted g where pg_has_role(o.oid, g.role, 'usage') and not pg_has_role(r.oid, g.role, 'usage')))
             and (pg_has_role(r.oid, o.oid, case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end)
                  or pg_has_role(r.oid, o.oid, 'member with admin option')
                  or r.rolcreaterole and not o.rolsuper and current_setting('server_version_num')::int < 160000)
group by r.rolname
order by r.rolname
