-- Those of the roles to which no policy applies, whatever the table.
-- facts: why (superuser, or bypassrls). The schema is null: a role belongs to the whole server.
with input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[])
select 'superuser-persona' as kind, null::text as schema, r.rolname::text as name,
       jsonb_build_object('why', case when r.rolsuper then 'superuser' else 'bypassrls' end) as facts
from input
join pg_roles r on r.rolname = any (input.roles) and (r.rolsuper or r.rolbypassrls)
order by 3
