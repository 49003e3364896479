-- Roles that a grant names on a relation of the schemas: whether a persona has them is asked of the matrix.
-- facts: role; heldBy (those of the run's roles that are it, or have its rights without SET ROLE).
-- Left out: the relation's owner, PUBLIC, and the role that asks.
with input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[])
select 'unprobed-role' as kind, n.nspname::text as schema, c.relname::text as name,
       jsonb_build_object(
         'role', g.rolname,
         'heldBy', array(select r.rolname from pg_roles r
                         where r.rolname = any (input.roles) and (r.oid = g.oid or not r.rolsuper and pg_has_role(r.oid, g.oid, 'usage'))
                         order by 1)) as facts
from input
join pg_namespace n on n.nspname = any (input.schemas)
join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')
cross join lateral (select distinct grantee from aclexplode(c.relacl)) acl
join pg_roles g on g.oid = acl.grantee
where g.oid <> c.relowner and g.rolname <> current_user
order by 2, 3, g.rolname
