-- Keys that the bodies of these functions read of JSON (->> 'role', ->'ids'), as text: {"<oid>": ["role", "ids"]}. Material for JSON
-- arguments: a key that is missed is one that is not tried, and a match in a comment is one that is tried in vain.
-- {oids} is replaced by an array of oids.
select coalesce(pg_catalog.json_object_agg(oid, keys), '{}')::text
from (
  select p.oid::text, (select array_agg(distinct m[1]) from pg_catalog.regexp_matches(concat(p.prosrc, pg_catalog.pg_get_function_sqlbody(p.oid)), '->>?\s*''([^'']{1,60})''', 'g') m) as keys
  from pg_catalog.pg_proc p
  where p.oid = any ({oids}::oid[])
) as bodies
where keys is not null
