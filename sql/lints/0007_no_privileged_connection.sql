-- The role that asks, where it has neither SUPERUSER nor BYPASSRLS: policies may hide rows from it, so that what it sees is no
-- ground truth.
-- facts: none. The schema is null: a role belongs to the whole server.
with input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[])
select 'no-privileged-connection' as kind, null::text as schema, r.rolname::text as name, '{}'::jsonb as facts
from input
join pg_roles r on r.rolname = current_user and not r.rolsuper and not r.rolbypassrls
