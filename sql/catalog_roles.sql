-- The roles $1 and the role that asks, whose rights each has without SET ROLE (itself included), and which of $1 it may SET
-- ROLE to. pg_has_role(…, 'usage') follows INHERIT as Postgres itself does, per-membership options of 16+ included.
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
       r.rolname = current_user as "isLogin"
from pg_roles r
where r.rolname = any ($1::text[]) or r.rolname = current_user
order by r.rolname
