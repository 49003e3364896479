-- What the bodies of these functions name, as material for arguments: {"<oid>": {"jsonKeys": ["role"], "texts": ["all"], "numbers":
-- ["5"], "runsSql": false, "labels": {"public.scope": ["own"]}}}. labels: of arguments' enums, by type. jsonKeys: what follows ->, ->>, #> and #>>. What is missed is not tried; what stands in a comment is tried
-- in vain. {oids} is replaced by an array of oids.
select coalesce(pg_catalog.json_object_agg(oid, pg_catalog.json_build_object(
  'jsonKeys', array(
    select 'id' where body ~* 'jsonb?_(?:populate|to)_record'
    union
    select key
    from pg_catalog.regexp_matches(body, '(?:->>?|#>>?)\s*(?:array\s*\[)?\s*''([^'']{1,60})''', 'gi') m,
      pg_catalog.regexp_split_to_table(pg_catalog.btrim(m[1], '{}'), '\s*,\s*') key),
  'texts', array(
    select m[1] from pg_catalog.regexp_matches(body, '''((?:[^'']|''''){1,60})''', 'g') with ordinality x (m, place)
    group by m[1] order by min(place) limit 16),
  'numbers', array(
    select m[1] from pg_catalog.regexp_matches(body, '(?<![\w''.$])(\d{1,9})(?![\w''.])', 'g') with ordinality x (m, place)
    group by m[1] order by min(place) limit 6),
  'labels', (
    select coalesce(pg_catalog.json_object_agg(pg_catalog.format_type(t, null), labels), '{}')
    from (select enumtypid as t, pg_catalog.json_agg(enumlabel order by enumsortorder) as labels from pg_catalog.pg_enum
          where enumtypid = any (types) group by enumtypid) as enums),
  'runsSql', body ~* '\m(?:execute|query_to_xml|crosstab|dblink|ts_stat|connectby)\M'
)), '{}')::text
from (
  select p.oid::text, concat(p.prosrc, pg_catalog.pg_get_function_sqlbody(p.oid)) as body, p.proargtypes::oid[] as types
  from pg_catalog.pg_proc p
  where p.oid = any ({oids}::oid[])
) as bodies
