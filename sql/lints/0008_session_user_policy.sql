-- The policies of the schemas, as Postgres prints them. Which of them read session_user (who logged in, and not who asks) is
-- decided with Postgres's own parser, in src/lint: a string or a column of that name is none.
-- facts: policy; using and check (its expressions, null where it has none).
with input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[])
select 'session-user-policy' as kind, n.nspname::text as schema, c.relname::text as name,
       jsonb_build_object('policy', p.polname, 'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid)) as facts
from input
join pg_namespace n on n.nspname = any (input.schemas)
join pg_class c on c.relnamespace = n.oid
join pg_policy p on p.polrelid = c.oid
order by 2, 3, p.polname
