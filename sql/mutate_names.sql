-- What SQL without a schema might find elsewhere than in pg_catalog: names of functions, operators and types. And roles that may put
-- more of them there: in a schema, or in one that they create.
select
  array(
    select proname::text from pg_proc where pronamespace <> 'pg_catalog'::regnamespace
    union select oprname from pg_operator where oprnamespace <> 'pg_catalog'::regnamespace
    union select typname from pg_type where typnamespace <> 'pg_catalog'::regnamespace) as elsewhere,
  array(
    select r.rolname::text from pg_roles r
    where has_database_privilege(r.oid, current_database(), 'create')
      or exists (select from pg_namespace n where n.nspname !~ '^pg_' and has_schema_privilege(r.oid, n.oid, 'create'))) as creators
