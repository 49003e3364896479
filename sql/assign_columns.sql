-- What columns of a table may be given besides values of its rows: labels of their enums, and constants of the table's policies,
-- checks and triggers. Material: a text that a column does not take is refused for its type, and proves nothing.
-- {oid} is replaced by the table's oid. One JSON document: {labels: {column: [label]}, texts: [text], numbers: [text]}.
with texts as (
  select pg_catalog.concat(pg_catalog.pg_get_expr(p.polqual, p.polrelid), ' ', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)) as text
  from pg_catalog.pg_policy p
  where p.polrelid = {oid} or exists (select from pg_catalog.pg_depend d where d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_class'::regclass and d.refobjid = {oid})
  union all
  select pg_catalog.pg_get_constraintdef(k.oid) from pg_catalog.pg_constraint k where k.conrelid = {oid} and k.contype = 'c'
  union all
  select f.prosrc from pg_catalog.pg_trigger g join pg_catalog.pg_proc f on f.oid = g.tgfoid where g.tgrelid = {oid} and not g.tgisinternal
)
select pg_catalog.json_build_object(
  'labels', (
    select coalesce(pg_catalog.json_object_agg(a.attname, (select pg_catalog.json_agg(e.enumlabel order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = a.atttypid)), '{}')
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_type t on t.oid = a.atttypid and t.typtype = 'e'
    where a.attrelid = {oid} and a.attnum > 0 and not a.attisdropped),
  'texts', (
    select coalesce(pg_catalog.json_agg(distinct m[1]), '[]')
    from texts cross join lateral pg_catalog.regexp_matches(texts.text, '''([^'']{1,40})''', 'g') m),
  'numbers', (
    select coalesce(pg_catalog.json_agg(distinct m[1]), '[]')
    from texts cross join lateral pg_catalog.regexp_matches(texts.text, '(?<![\w''.$])(\d{1,9})(?![\w''.])', 'g') m))::text
