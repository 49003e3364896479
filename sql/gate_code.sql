-- Code that the database runs without being called: triggers, rules and event triggers that are switched on, defaults, checks, indexes
-- and policies that call functions, and functions that run by another name than theirs: those of domains, operators, aggregates, casts,
-- operator classes and ranges. `text` is what else decides when and how each runs, names of relations and columns left out where
-- they can be: a rename must not look like other code.
-- Views of the system are left out: printing them takes long.
with parts as materialized (
  select 'pg_policy'::regclass as class, p.oid as object, p.polrelid as oid, 'policies' as part,
    concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) as text from pg_policy p
  union all
  select 'pg_attrdef'::regclass, a.oid, a.adrelid, 'defaults', pg_get_expr(a.adbin, a.adrelid) from pg_attrdef a
  union all
  select 'pg_constraint'::regclass, k.oid, k.conrelid, 'checks', pg_get_constraintdef(k.oid) from pg_constraint k where k.contype = 'c' and k.conrelid <> 0
  union all
  select 'pg_class'::regclass, i.indexrelid, i.indrelid, 'indexes', concat_ws(' ', pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid))
  from pg_index i where i.indexprs is not null or i.indpred is not null
  union all
  select 'pg_rewrite'::regclass, r.oid, r.ev_class, 'query', pg_get_viewdef(r.ev_class) from pg_rewrite r where r.rulename = '_RETURN' and r.ev_class >= 16384
)
select 'trigger' as kind, t.oid::text as oid, format('trigger %I on %s', t.tgname, c.oid::regclass) as name, c.oid::text as "of",
  array[t.tgfoid::text] as functions, (t.tgtype & 2) <> 0 and (t.tgtype & 1) <> 0 as "beforeRow",
  concat_ws(' ', t.tgtype, t.tgenabled, t.tgattr, encode(t.tgargs, 'hex'), t.tgqual) as text
from pg_trigger t join pg_class c on c.oid = t.tgrelid
where not t.tgisinternal and t.tgenabled <> 'D'
union all
select 'rule', r.oid::text, format('rule %I on %s', r.rulename, c.oid::regclass), c.oid::text,
  '{}', false, pg_get_ruledef(r.oid)
from pg_rewrite r join pg_class c on c.oid = r.ev_class
where r.rulename <> '_RETURN' and r.ev_enabled <> 'D' and c.relnamespace <> 'pg_catalog'::regnamespace
  and c.relnamespace <> 'information_schema'::regnamespace
union all
select 'event trigger', e.oid::text, format('event trigger %I', e.evtname), null,
  array[e.evtfoid::text], false, concat_ws(' ', e.evtevent, e.evtenabled, e.evttags)
from pg_event_trigger e where e.evtenabled <> 'D'
union all
-- Of each column, with or without a default.
select 'default', c.oid::text || '.' || a.attnum, format('default of %s.%I', c.oid::regclass, a.attname), a.attname::text, '{}', false,
  coalesce(pg_get_expr(d.adbin, d.adrelid), '')
from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attnum > 0 and not a.attisdropped and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
union all
select 'function', p.oid::text, p.oid::regprocedure::text, null, '{}', false,
  concat_ws(' ', case when p.prosecdef then p.proowner::regrole::text else '' end, p.prosecdef, p.proisstrict,
    array(select x from unnest(p.proconfig) x where x not like 'search\_path=%'),
    l.lanname, p.probin, p.proretset)
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where n.nspname not in ('pg_catalog', 'information_schema')
union all
select 'expression', x.oid::text || ' ' || x.part, format('%s of %s', x.part, c.oid::regclass), c.oid::text,
  array_agg(distinct d.refobjid::text), false, string_agg(distinct x.text, ' ')
from parts x
join pg_depend d on d.classid = x.class and d.objid = x.object and d.refclassid = 'pg_proc'::regclass and d.refobjid >= 16384
join pg_class c on c.oid = x.oid
group by x.oid, x.part, c.oid
union all
select 'expression', k.oid::text, format('the check %I of the domain %s', k.conname, k.contypid::regtype), null,
  array(select d.refobjid::text from pg_depend d where d.classid = 'pg_constraint'::regclass and d.objid = k.oid and d.refclassid = 'pg_proc'::regclass), false,
  pg_get_constraintdef(k.oid)
from pg_constraint k where k.contypid >= 16384
union all
select 'expression', x.object, format('%s %s', x.kind, x.name), null, array_agg(distinct x.function::text), false, ''
from (
  select oid::text as object, 'the default of the domain' as kind, oid::regtype::text as name, d.refobjid as function
  from pg_type join pg_depend d on d.classid = 'pg_type'::regclass and d.objid = oid and d.refclassid = 'pg_proc'::regclass where typtype = 'd'
  union all
  select oid::text, 'the operator', oid::regoperator::text, unnest(array[oprcode, oprrest, oprjoin]) from pg_operator
  union all
  select aggfnoid::oid::text, 'the aggregate', aggfnoid::regprocedure::text, unnest(array[aggtransfn, aggfinalfn, aggcombinefn, aggmtransfn, aggminvtransfn, aggmfinalfn]) from pg_aggregate
  union all
  select oid::text, 'the cast', format('from %s to %s', format_type(castsource, null), format_type(casttarget, null)), castfunc from pg_cast
  union all
  select f.oid::text, 'the operator family', format('%I.%I', n.nspname, f.opfname), a.amproc
  from pg_opfamily f join pg_namespace n on n.oid = f.opfnamespace join pg_amproc a on a.amprocfamily = f.oid
  union all
  select rngtypid::text, 'the range', rngtypid::regtype::text, unnest(array[rngcanonical, rngsubdiff]) from pg_range
) x
where x.function >= 16384
group by 2, 3
