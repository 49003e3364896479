-- Whether the exposed schemas bring media-type handlers of their own: aggregates or functions that return a domain named
-- like a media type. PostgREST would answer some requests through them; the gateway does not.
-- $1 text[]: the exposed schemas.
select exists (
  select from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_type t on t.oid = p.prorettype and t.typtype = 'd'
  where n.nspname = any ($1::text[])
    and p.prokind = 'a'
    and (t.typname ~* '^[a-z0-9.-]+/[a-z0-9.+-]+$' or t.typname = '*/*')
) as found;
