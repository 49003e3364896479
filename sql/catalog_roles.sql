-- The roles $1 and the role that asks, and whose rights each has without SET ROLE (itself included).
-- pg_has_role(…, 'usage') follows INHERIT as Postgres itself does, per-membership options of 16+ included.
select r.rolname as name,
       r.rolsuper as superuser,
       r.rolbypassrls as "bypassRls",
       array(select o.rolname::text from pg_roles o where not r.rolsuper and pg_has_role(r.oid, o.oid, 'usage')
             order by 1) as inherits,
       r.rolname = current_user as "isLogin"
from pg_roles r
where r.rolname = any ($1::text[]) or r.rolname = current_user
order by r.rolname
