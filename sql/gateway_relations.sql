-- The tables and views of the exposed schemas, as the gateway's login sees them in the catalogue: their columns and
-- primary keys. Privileges and policies are not asked: Postgres decides those when the request runs as its own role.
-- $1 text[]: the exposed schemas. Run with an empty search_path, so that every type is named with its schema.
with recursive exposed as (
  select c.oid, n.nspname, c.relname, c.relkind
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  -- Partitions are reached through their parents only.
  where n.nspname = any ($1::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
),
table_keys as (
  select con.conrelid as relid, array_agg(a.attname::text order by a.attname) as columns
  from pg_catalog.pg_constraint con
  join pg_catalog.pg_attribute a on a.attrelid = con.conrelid and a.attnum = any (con.conkey)
  where con.contype = 'p'
  group by con.conrelid
),
-- Where a view's columns come from, out of its stored query: each target entry names its table and column. The outer
-- query's entries are told from those of its subqueries by standing at the view's own column number under its own name,
-- in which a backslash stands before blanks and braces.
view_columns as (
  select r.ev_class as view, a.attname as column_name, entry.at,
    (entry.found)[3]::oid as source, (entry.found)[4]::int2 as source_column
  from pg_catalog.pg_class c
  join pg_catalog.pg_rewrite r on r.ev_class = c.oid and r.ev_type = '1'
  cross join lateral regexp_matches(
    r.ev_action::text, ':resno (\d+) :resname ((?:\\.|[^\s\\])+) :ressortgroupref \d+ :resorigtbl (\d+) :resorigcol (\d+)', 'g'
  ) with ordinality as entry (found, at)
  join pg_catalog.pg_attribute a on a.attrelid = r.ev_class
    and a.attnum = (entry.found)[1]::int2 and a.attname = regexp_replace((entry.found)[2], '\\(.)', '\1', 'g')
  where c.relkind in ('v', 'm') and (entry.found)[3] <> '0'
    and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
),
-- Views over views are followed down to the table.
traced as (
  select view, column_name, at, source, source_column from view_columns
  union
  select t.view, t.column_name, t.at, v.source, v.source_column
  from traced t
  join pg_catalog.pg_attribute a on a.attrelid = t.source and a.attnum = t.source_column
  join view_columns v on v.view = t.source and v.column_name = a.attname
),
first_shown as (
  select distinct on (view, source, source_column) view, source, source_column, column_name
  from traced
  order by view, source, source_column, at
),
-- A view has the key of a table when it shows every column of it.
view_keys as (
  select f.view as relid, array_agg(f.column_name::text) as columns
  from first_shown f
  join pg_catalog.pg_constraint con
    on con.conrelid = f.source and con.contype = 'p' and f.source_column = any (con.conkey)
  group by f.view, con.oid, con.conkey
  having count(*) = cardinality(con.conkey)
)
select
  e.nspname as schema,
  e.relname as name,
  coalesce(
    (select k.columns from table_keys k where k.relid = e.oid),
    (select array_agg(distinct one) from view_keys k, unnest(k.columns) one where k.relid = e.oid),
    '{}'
  ) as "keyColumns",
  coalesce((
    select json_agg(json_build_object(
      'name', a.attname,
      'type', format_type(a.atttypid, a.atttypmod),
      'default', case
        when a.attgenerated <> '' then null
        when a.attidentity = 'd' then format('nextval(%L)', (
          select dep.objid::regclass from pg_catalog.pg_depend dep
          where dep.refclassid = 'pg_catalog.pg_class'::regclass and dep.refobjid = e.oid
            and dep.refobjsubid = a.attnum and dep.deptype = 'i'
        ))
        when d.adbin is null and t.typtype = 'd' then pg_get_expr(t.typdefaultbin, 0)
        else pg_get_expr(d.adbin, d.adrelid)
      end,
      -- An implicit cast between the column's domain and json or text is a data representation: PostgREST applies it.
      'represented', exists (
        select from pg_catalog.pg_cast c
        where c.castcontext = 'i' and c.castmethod = 'f' and t.typtype = 'd'
          and (c.castsource = t.oid and c.casttarget in ('json'::regtype, 'text'::regtype)
            or c.casttarget = t.oid and c.castsource in ('json'::regtype, 'text'::regtype)))
    ) order by a.attnum)
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_type t on t.oid = a.atttypid
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = e.oid and a.attnum > 0 and not a.attisdropped
  ), '[]') as columns
from exposed e;
