-- What the schema itself spells out, as a JSON array of texts: labels of enums, and constants in checks, defaults, policies, views and
-- functions. Such a word (a status, a label) says nothing of the row that holds it.
select coalesce(pg_catalog.json_agg(distinct word), '[]')::text
from (
  select enumlabel::text as word from pg_catalog.pg_enum
  union all
  select m[1]
  from (
    select pg_catalog.pg_get_constraintdef(oid) as text from pg_catalog.pg_constraint where contype = 'c'
    union all
    select pg_catalog.pg_get_expr(adbin, adrelid) from pg_catalog.pg_attrdef
    union all
    select pg_catalog.concat(pg_catalog.pg_get_expr(polqual, polrelid), ' ', pg_catalog.pg_get_expr(polwithcheck, polrelid)) from pg_catalog.pg_policy
    union all
    select pg_catalog.pg_get_viewdef(c.oid) from pg_catalog.pg_class c
    where c.relkind in ('v', 'm') and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    union all
    select pg_catalog.concat(p.prosrc, ' ', pg_catalog.pg_get_function_sqlbody(p.oid))
    from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang and l.lanname in ('sql', 'plpgsql')
    where p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  ) as texts
  cross join lateral pg_catalog.regexp_matches(texts.text, '''((?:[^'']|''''){1,60})''', 'g') m
) as words
