-- Every table of the database's own with the columns that values for arguments are taken from, and answers are compared by.
-- One JSON document: [{oid, schema, name, columns: [{name, type}], indexes, primaryKey, hasTriggers}]. Partitions stand for their parent, which holds no row.
select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
  'oid', c.oid::text,
  'schema', n.nspname,
  'name', c.relname,
  -- Those of foreign keys are triggers, too.
  'hasTriggers', exists (select from pg_catalog.pg_trigger t where t.tgrelid = c.oid),
  'columns', (
    select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname, 'type', pg_catalog.format_type(a.atttypid, null)) order by a.attnum), '[]')
    from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
  'indexes', (
    select coalesce(pg_catalog.json_agg(i.indexrelid::text order by i.indexrelid), '[]') from pg_catalog.pg_index i where i.indrelid = c.oid),
  'primaryKey', (
    select coalesce(pg_catalog.json_agg(a.attname order by k.place), '[]')
    from pg_catalog.pg_index i
    cross join lateral pg_catalog.unnest(i.indkey::int2[]) with ordinality k (number, place)
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
    where i.indrelid = c.oid and i.indisprimary)) order by n.nspname, c.relname), '[]')::text
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_%'
