-- Bodies of these functions, as material for arguments: {"<oid>": {"oid", "language", "source", "sqlBody", "trigger", "returns",
-- "argumentNames", "argumentTypes", "texts": ["all"], "numbers": ["5"], "labels": {"public.scope": ["own"]}}}. labels: of arguments'
-- enums, by type. The parser reads what a body names (src/arguments/named-by-body.ts); of its texts and numbers, what stands in a
-- comment is tried in vain. {oids} is replaced by an array of oids.
select coalesce(pg_catalog.json_object_agg(oid, pg_catalog.json_build_object(
  'oid', oid,
  'language', language,
  'source', source,
  'sqlBody', sql_body,
  'trigger', false,
  'returns', returns,
  'argumentNames', names,
  'argumentTypes', array(select pg_catalog.format_type(t, null) from pg_catalog.unnest(types) with ordinality x (t, place) order by place),
  'texts', array(
    select m[1] from pg_catalog.regexp_matches(body, '''((?:[^'']|''''){1,60})''', 'g') with ordinality x (m, place)
    group by m[1] order by min(place) limit 16),
  'numbers', array(
    select m[1] from pg_catalog.regexp_matches(body, '(?<![\w''.$])(\d{1,9})(?![\w''.])', 'g') with ordinality x (m, place)
    group by m[1] order by min(place) limit 6),
  'labels', (
    select coalesce(pg_catalog.json_object_agg(pg_catalog.format_type(t, null), labels), '{}')
    from (select enumtypid as t, pg_catalog.json_agg(enumlabel order by enumsortorder) as labels from pg_catalog.pg_enum
          where enumtypid = any (types) group by enumtypid) as enums)
)), '{}')::text
from (
  select p.oid::text, l.lanname as language, p.prosrc as source, pg_catalog.pg_get_function_sqlbody(p.oid) as sql_body,
    concat(p.prosrc, pg_catalog.pg_get_function_sqlbody(p.oid)) as body, p.proargtypes::oid[] as types,
    pg_catalog.format_type(p.prorettype, null) as returns,
    array(
      select coalesce(a.name, '')
      from rows from (pg_catalog.unnest(p.proargnames),
        pg_catalog.unnest(coalesce(p.proargmodes::text[], pg_catalog.array_fill('i'::text, array[p.pronargs::int]))))
        with ordinality as a (name, mode, place)
      where a.mode in ('i', 'b', 'v') order by a.place) as names
  from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang
  where p.oid = any ({oids}::oid[])
) as bodies
