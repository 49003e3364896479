-- What columns of a table may be given besides values of its rows: labels of their enums, and constants of the table's policies,
-- checks and triggers. Material: a text that a column does not take is refused for its type, and proves nothing.
-- {oid} is replaced by the table's oid. One JSON document: {labels: {column: [label]}, texts: [text], numbers: [text],
-- triggers: [{name, events, definition, language, source}], updaters: [{name, source}] (functions that may update the table, which
-- triggers call), functions: [names of the database's own], derived: {generated column: [columns that it is computed from]}}.
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
    from texts cross join lateral pg_catalog.regexp_matches(texts.text, '(?<![\w''.$])(\d{1,9})(?![\w''.])', 'g') m),
  'triggers', (
    select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', g.tgname,
      'events', pg_catalog.array_to_json(array(select e.name from (values ('insert', 4), ('update', 16)) e (name, bit) where g.tgtype & e.bit > 0)),
      'definition', pg_catalog.pg_get_triggerdef(g.oid), 'language', l.lanname, 'source', f.prosrc) order by g.tgname), '[]')
    from pg_catalog.pg_trigger g
    join pg_catalog.pg_proc f on f.oid = g.tgfoid
    join pg_catalog.pg_language l on l.oid = f.prolang
    where g.tgrelid = {oid} and not g.tgisinternal and g.tgenabled in ('O', 'A') and g.tgtype & 20 > 0),
  'updaters', (
    select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('name', f.proname, 'source', f.prosrc)), '[]')
    from pg_catalog.pg_proc f
    join pg_catalog.pg_language l on l.oid = f.prolang and l.lanname not in ('c', 'internal')
    where f.prosrc ~* '\mupdate\M' and f.prosrc ~ (select '\m' || c.relname || '\M' from pg_catalog.pg_class c where c.oid = {oid})
      and f.prorettype <> 'trigger'::regtype),
  'functions', (
    select coalesce(pg_catalog.json_agg(distinct f.proname), '[]')
    from pg_catalog.pg_proc f join pg_catalog.pg_namespace n on n.oid = f.pronamespace
    where n.nspname not in ('pg_catalog', 'information_schema', 'auth')),
  'derived', (
    -- Servers before 15 say it of the column, later ones of its expression.
    select coalesce(pg_catalog.json_object_agg(a.attname, (
      select coalesce(pg_catalog.json_agg(distinct b.attname), '[]') from pg_catalog.pg_depend d
      join pg_catalog.pg_attribute b on b.attrelid = d.refobjid and b.attnum = d.refobjsubid
      where d.refclassid = 'pg_class'::regclass and d.refobjid = a.attrelid and d.refobjsubid > 0 and d.refobjsubid <> a.attnum
        and (d.classid = 'pg_class'::regclass and d.objid = a.attrelid and d.objsubid = a.attnum
          or d.classid = 'pg_attrdef'::regclass and d.objid = (select f.oid from pg_catalog.pg_attrdef f where f.adrelid = a.attrelid and f.adnum = a.attnum)))), '{}')
    from pg_catalog.pg_attribute a
    where a.attrelid = {oid} and a.attgenerated <> '' and not a.attisdropped))::text
