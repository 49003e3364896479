-- The roles $1 and the role that asks, whose rights each has without SET ROLE (itself included), which of $1 it may SET ROLE
-- to, and as whom else it can put policies aside: superusers, roles with BYPASSRLS, owners of tables with policies (FORCE is
-- the owner's to take away), the roles that reach the server's files and programs, by which one becomes a superuser, the ones
-- that stream the database, and whoever holds something on a relation that it has not by itself. A role becomes another by
-- SET ROLE, and so it does where it may grant itself the other: by ADMIN OPTION, or by CREATEROLE before 16.
-- A superuser may become anybody, which is no news.
-- pg_has_role(…, 'usage') follows INHERIT as Postgres itself does, per-membership options of 16+ included.
with granted as materialized (
  select distinct g.grantee as role
  from pg_class c
  cross join lateral (select c.relacl union all select a.attacl from pg_attribute a where a.attrelid = c.oid and a.attacl is not null) l (acl)
  cross join lateral aclexplode(l.acl) g
  where c.relnamespace not in (select oid from pg_namespace where nspname in ('pg_catalog', 'information_schema'))
    and g.grantee <> 0 and g.grantee <> c.relowner and c.relkind in ('r', 'p', 'v', 'm', 'f')
)
select r.rolname as name,
       r.rolsuper as superuser,
       r.rolbypassrls as "bypassRls",
       r.rolcanlogin as "canLogin",
       array(select o.rolname::text from pg_roles o where not r.rolsuper and pg_has_role(r.oid, o.oid, 'usage')
             order by 1) as inherits,
       -- Since 16 a membership says by itself whether it lets one SET ROLE.
       array(select o.rolname::text from pg_roles o where o.rolname = any ($1::text[])
             and pg_has_role(r.oid, o.oid, case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end)
             order by 1) as "mayBecome",
       array(select o.rolname::text from pg_roles o
             where not r.rolsuper and o.oid <> r.oid
             and (o.rolsuper or o.rolbypassrls or o.rolreplication
                  or o.rolname in ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
                  or o.rolname in ('pg_read_all_data', 'pg_write_all_data') and not pg_has_role(r.oid, o.oid, 'usage')
                  or exists (select from pg_class c where c.relowner = o.oid and c.relrowsecurity)
                  or exists (select from granted g where pg_has_role(o.oid, g.role, 'usage') and not pg_has_role(r.oid, g.role, 'usage')))
             and (pg_has_role(r.oid, o.oid, case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end)
                  or pg_has_role(r.oid, o.oid, 'member with admin option')
                  or r.rolcreaterole and not o.rolsuper and current_setting('server_version_num')::int < 160000)
             order by 1) as "mayEscapeAs",
       r.rolname = current_user as "isLogin"
from pg_roles r
where r.rolname = any ($1::text[]) or r.rolname = current_user
order by r.rolname
