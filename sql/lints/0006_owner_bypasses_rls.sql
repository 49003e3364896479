-- Tables of the schemas with Row-Level Security that is not forced, and those of the roles that own them or have the owner's
-- rights without SET ROLE: the policies do not apply to these. Superusers and BYPASSRLS are 0005's.
-- facts: role.
with input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[])
select 'owner-bypasses-rls' as kind, n.nspname::text as schema, c.relname::text as name,
       jsonb_build_object('role', r.rolname) as facts
from input
join pg_namespace n on n.nspname = any (input.schemas)
join pg_class c on c.relnamespace = n.oid and c.relrowsecurity and not c.relforcerowsecurity
join pg_roles r on r.rolname = any (input.roles) and not r.rolsuper and not r.rolbypassrls and pg_has_role(r.oid, c.relowner, 'usage')
order by 2, 3, r.rolname
