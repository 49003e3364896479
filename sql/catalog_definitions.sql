-- A digest of what each function, procedure and view says, whatever its schema: `rowgate diff` sees by it that a helper of a
-- policy was replaced. Left out: aggregates, which are made of functions, and what an extension brought along.
with own as (
  select oid, nspname from pg_namespace
  where nspname not in ('pg_catalog', 'information_schema') and nspname not like 'pg\_%'
),
brought as (select classid, objid from pg_depend where deptype = 'e')
select case p.prokind when 'p' then 'procedure' when 'w' then 'window' else 'function' end || ' ' || own.nspname || '.' || p.proname || '('
       || coalesce((select string_agg(format_type(a.type, null), ', ' order by a.place)
                    from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes::text[]) with ordinality as a (type, mode, place)
                    where coalesce(a.mode, 'i') in ('i', 'b', 'v')), '') || ')' as name,
       md5(pg_get_functiondef(p.oid)) as digest
from pg_proc p join own on own.oid = p.pronamespace
where p.prokind <> 'a' and not exists (select from brought where classid = 'pg_proc'::regclass and objid = p.oid)
union all
select case c.relkind when 'm' then 'materialized' else 'view' end || ' ' || own.nspname || '.' || c.relname, md5(pg_get_viewdef(c.oid))
from pg_class c join own on own.oid = c.relnamespace
where c.relkind in ('v', 'm') and not exists (select from brought where classid = 'pg_class'::regclass and objid = c.oid)
order by 1
