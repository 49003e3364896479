-- Schemas of the system itself that one of the roles may use, and those of the platform for which somebody wrote policies.
-- $1 roles
select n.nspname as name
from pg_namespace n
where n.nspname !~ '^pg_'
  and n.nspname <> 'information_schema'
  -- What an extension brings is the extension's.
  and not exists (
    select from pg_depend d
    where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e'
  )
  and exists (
    select from pg_class c
    where c.relnamespace = n.oid
      and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and (
        n.nspname not in (
          'auth', 'storage', 'realtime', '_realtime', 'vault', 'cron', 'net', 'extensions', 'graphql',
          'graphql_public', 'pgbouncer', 'pgsodium', 'supabase_functions', 'supabase_migrations', '_analytics'
        )
        or exists (select from pg_policy p where p.polrelid = c.oid)
      )
  )
  and exists (select from unnest($1::text[]) r (name) where has_schema_privilege(r.name, n.oid, 'usage'))
order by 1
