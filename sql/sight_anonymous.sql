-- Whom a gateway takes for somebody without a token shows in what it refuses: relations of the schemas $1 that it exposes,
-- for the role $2 and for all that the login $3 may become (NULL: none), up to $4 that the role may not read at all and as
-- many that it may; tables before views, small ones before large ones.
--   readable: a column that the role may read, or NULL
select role, schema, relation, readable
from (
  select r.rolname as role, n.nspname as schema, c.relname as relation, readable.attname as readable,
    row_number() over (
      partition by r.oid, readable.attname is null
      order by c.relkind not in ('r', 'p'), c.reltuples, n.nspname, c.relname) as place
  from pg_roles r
  cross join pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join lateral (
    select a.attname from pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      and has_schema_privilege(r.oid, n.oid, 'usage') and has_column_privilege(r.oid, c.oid, a.attnum, 'select')
    order by a.attnum limit 1) readable on true
  where n.nspname = any ($1::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
    and (r.rolname = $2
      or exists (select from pg_roles login where login.rolname = $3 and pg_has_role(login.oid, r.oid, 'member')))
) places
where place <= $4
order by role, readable is not null, place
