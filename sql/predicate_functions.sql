-- Which functions named $1 may do something besides answering: built in, or an extension's, and VOLATILE. They set, write, wait,
-- signal, read files, or are random. A database's own functions are VOLATILE unless somebody has said otherwise, so that says
-- nothing of them; what they reach for good, lints/0015_side_effect_outside_transaction.sql reports.
-- One row a schema and name.
select distinct n.nspname as schema, p.proname as name
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where p.proname = any ($1::text[])
  and p.provolatile = 'v'
  and (n.nspname = 'pg_catalog'
    or exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'))
order by 1, 2
