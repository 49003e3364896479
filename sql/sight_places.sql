-- Where a harmless request can be sent as each of the roles $2, in the schemas $1 that the gateway exposes:
-- up to $3 relations a role, those first that it may read, tables before views, small ones before large ones.
--   readable: a column that the role may read, or NULL
--   typed:    a column whose type refuses most texts. Such a text is refused (22P02) after the gateway has switched to
--             the role and before any privilege of the relation is asked for: proof that the switch worked.
select role, schema, relation, usage, readable, typed
from (
  select r.rolname as role, n.nspname as schema, c.relname as relation,
    has_schema_privilege(r.oid, n.oid, 'usage') as usage,
    (select a.attname from pg_attribute a
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       and has_column_privilege(r.oid, c.oid, a.attnum, 'select')
     order by a.attnum limit 1) as readable,
    (select a.attname from pg_attribute a
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype, 'bool'::regtype,
                          'date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype, 'numeric'::regtype)
     order by a.attnum limit 1) as typed,
    row_number() over (
      partition by r.oid
      order by has_schema_privilege(r.oid, n.oid, 'usage') desc,
               has_any_column_privilege(r.oid, c.oid, 'select') desc,
               c.relkind not in ('r', 'p'), c.reltuples, n.nspname, c.relname) as place
  from pg_roles r
  cross join pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where r.rolname = any ($2::text[]) and n.nspname = any ($1::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f')
) places
where place <= $3
order by role, place
