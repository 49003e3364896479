-- By which columns of the schemas policies decide: one row a column. Read in a policy itself, or in a function that policies
-- call. Bodies are searched as text, since PL/pgSQL and quoted SQL are stored so: a column counts where its own name and its
-- relation's stand in one. A match too many costs a note; one that is missed would hide that a row can be given away.
-- Whether users can change the column, and whether a `never:` tries it, is asked of the matrix and of the policies.
-- facts: column; of (the relations whose policies read it).
with recursive input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[]),
own as (
  select p.oid, p.proname, concat(p.prosrc, pg_get_function_sqlbody(p.oid)) as body
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_%' and p.prokind = 'f'
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
),
{calls},
asked as (
  select d.refobjid as oid, p.polrelid as relation
  from pg_depend d join pg_policy p on p.oid = d.objid
  where d.classid = 'pg_policy'::regclass and d.refclassid = 'pg_proc'::regclass
  union
  select f.oid, a.relation from asked a join calls c on c.oid = a.oid join own f on f.proname = c.name
),
columns as (
  select c.oid as relation, a.attnum, n.nspname, c.relname, a.attname
  from input
  join pg_namespace n on n.nspname = any (input.schemas)
  join pg_class c on c.relnamespace = n.oid
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relkind in ('r', 'p')
    -- A key names one row, and another's is taken.
    and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary and a.attnum = any (i.indkey::int2[]))
),
reading as (
  select d.refobjid as relation, d.refobjsubid as attnum, p.polrelid as decides
  from pg_depend d join pg_policy p on p.oid = d.objid
  where d.classid = 'pg_policy'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
  union
  select c.relation, c.attnum, a.relation
  from asked a
  join own f on f.oid = a.oid
  join columns c on strpos(f.body, c.relname) > 0 and strpos(f.body, c.attname) > 0
  where f.body ~ ('\m' || regexp_replace(c.relname, '(\W)', '\\\1', 'g') || '\M') and f.body ~ ('\m' || regexp_replace(c.attname, '(\W)', '\\\1', 'g') || '\M')
)
select 'forbidden-update-untested' as kind, c.nspname::text as schema, c.relname::text as name,
       jsonb_build_object('column', c.attname, 'of', array_agg(distinct format('%I.%I', n.nspname, o.relname) order by format('%I.%I', n.nspname, o.relname))) as facts
from reading r
join columns c on c.relation = r.relation and c.attnum = r.attnum
join pg_class o on o.oid = r.decides
join pg_namespace n on n.oid = o.relnamespace
group by c.nspname, c.relname, c.attname
order by c.nspname, c.relname, c.attname
