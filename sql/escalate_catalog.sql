-- What the search for escalation follows: which relations and functions a relation's policies, views, triggers, defaults and
-- checks read, and which columns of them. The catalogue knows this for all expressions that Postgres has parsed; bodies of
-- functions that are kept as text are read by Postgres's parser in src/escalate/bodies.ts.
-- One JSON document; its shape is EscalationCatalog of src/escalate/catalog.ts.
with recursive
relations as (
  select c.oid, n.nspname, c.relname, c.relkind
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
    and n.nspname not like 'pg\_toast%' and n.nspname not like 'pg\_temp%'),
-- Types below their domains: a value of the base type is what a column takes.
bases as (
  select oid, oid as base, typbasetype as next from pg_type
  union all
  select b.oid, t.oid, t.typbasetype from bases b join pg_type t on t.oid = b.next),
-- What belongs to a relation and reads others. part: the command of a policy (r, a, w, d, *), or view, rule, write.
parts as materialized (
  select 'pg_policy'::regclass as class, p.oid, p.polrelid as relation, p.polcmd::text as part from pg_policy p
  union all
  select 'pg_rewrite'::regclass, r.oid, r.ev_class, case when r.rulename = '_RETURN' then 'view' else 'write' end from pg_rewrite r
  union all
  -- Who reads a generated column reads those that it comes of.
  select 'pg_attrdef'::regclass, d.oid, d.adrelid, case when a.attgenerated <> '' then '*' else 'write' end
  from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
  union all
  select 'pg_constraint'::regclass, k.oid, k.conrelid, 'write' from pg_constraint k where k.contype = 'c' and k.conrelid <> 0
  union all
  select 'pg_trigger'::regclass, t.oid, t.tgrelid, 'write' from pg_trigger t where not t.tgisinternal and t.tgenabled <> 'D'),
reads as (
  select p.relation, null::oid as function, p.part, d.refclassid, d.refobjid, d.refobjsubid
  from parts p join pg_depend d on d.classid = p.class and d.objid = p.oid
  union all
  select null, d.objid, 'body', d.refclassid, d.refobjid, d.refobjsubid
  from pg_depend d where d.classid = 'pg_proc'::regclass
  union all
  select i.inhparent, null, 'view', 'pg_class'::regclass, i.inhrelid, 0 from pg_inherits i)
select json_build_object(
  'relations', coalesce((
    select json_agg(json_build_object(
      'oid', r.oid::text,
      'schema', r.nspname,
      'name', r.relname,
      'isTable', r.relkind in ('r', 'p'),
      'columns', coalesce((
        select json_agg(json_build_object(
          'name', a.attname,
          'base', format_type(b.base, null),
          'notNull', a.attnotnull,
          'hasDefault', a.atthasdef or a.attidentity <> '',
          'labels', (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e
                     where e.enumtypid in (b.base, (select t.typelem from pg_type t where t.oid = b.base and t.typcategory = 'A'))),
          'checks', coalesce((select json_agg(pg_get_expr(k.conbin, 0)) from pg_constraint k
                              where k.contypid in (select x.oid from bases x where x.base = b.base)
                                and k.contypid in (select y.base from bases y where y.oid = a.atttypid)), '[]')) order by a.attnum)
        from pg_attribute a join bases b on b.oid = a.atttypid and b.next = 0
        where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped), '[]'),
      'uniques', coalesce((
        select json_agg(distinct a.attname)
        from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])
        where i.indrelid = r.oid and i.indisunique), '[]'),
      'foreignKeys', coalesce((
        select json_agg(json_build_object(
          'columns', (select json_agg(a.attname order by x.n) from unnest(k.conkey) with ordinality x (num, n)
                      join pg_attribute a on a.attrelid = k.conrelid and a.attnum = x.num),
          'to', k.confrelid::text,
          'referenced', (select json_agg(a.attname order by x.n) from unnest(k.confkey) with ordinality x (num, n)
                         join pg_attribute a on a.attrelid = k.confrelid and a.attnum = x.num),
          'onUpdate', k.confupdtype in ('c', 'n', 'd'),
          'onDelete', k.confdeltype in ('c', 'n', 'd')))
        from pg_constraint k where k.conrelid = r.oid and k.contype = 'f' and k.conparentid = 0), '[]'),
      'writes', coalesce((
        select json_agg(text) from (
          select pg_get_ruledef(u.oid) from pg_rewrite u where u.ev_class = r.oid and u.rulename <> '_RETURN'
          union all
          select pg_get_triggerdef(t.oid) from pg_trigger t where t.tgrelid = r.oid and t.tgqual is not null) x (text)), '[]'),
      'expressions', coalesce((
        select json_agg(e.text) from (
          select pg_get_expr(p.polqual, p.polrelid) as text from pg_policy p where p.polrelid = r.oid
          union all select pg_get_expr(p.polwithcheck, p.polrelid) from pg_policy p where p.polrelid = r.oid
          union all select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d where d.adrelid = r.oid
          union all select pg_get_expr(k.conbin, k.conrelid) from pg_constraint k where k.conrelid = r.oid and k.contype = 'c') e
        where e.text is not null), '[]'),
      'policies', coalesce((
        select json_agg(e.text) from (
          select pg_get_expr(p.polqual, p.polrelid) as text from pg_policy p where p.polrelid = r.oid
          union all select pg_get_expr(p.polwithcheck, p.polrelid) from pg_policy p where p.polrelid = r.oid) e
        where e.text is not null), '[]'),
      'query', case when r.relkind in ('v', 'm') then pg_get_viewdef(r.oid) end)
      order by r.nspname, r.relname)
    from relations r), '[]'),
  'functions', coalesce((
    select json_agg(json_build_object(
      'oid', p.oid::text,
      'schema', n.nspname,
      'name', p.proname,
      'language', l.lanname,
      'source', p.prosrc,
      'sqlBody', pg_get_function_sqlbody(p.oid),
      'extension', exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'),
      'definer', p.prosecdef,
      'returnsSet', p.proretset,
      'searchPath', (select substr(x, length('search_path=') + 1) from unnest(p.proconfig) x where x like 'search\_path=%'),
      'trigger', p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype),
      'returns', format_type(p.prorettype, null),
      'argumentNames', coalesce((
        select json_agg(coalesce(a.name, '') order by a.place)
        from unnest(p.proargnames, coalesce(p.proargmodes::text[], array_fill('i'::text, array[p.pronargs::int])))
          with ordinality as a (name, mode, place)
        where a.mode in ('i', 'b', 'v')), '[]'),
      'argumentTypes', coalesce((select json_agg(format_type(b.base, null) order by o)
                                 from unnest(p.proargtypes::oid[]) with ordinality x (t, o) join bases b on b.oid = x.t and b.next = 0), '[]'),
      'argumentLabels', coalesce((
        select json_agg((select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = b.base) order by o)
        from unnest(p.proargtypes::oid[]) with ordinality x (t, o) join bases b on b.oid = x.t and b.next = 0), '[]')))
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
    where p.prokind in ('f', 'p') and n.nspname not in ('pg_catalog', 'information_schema')), '[]'),
  'operators', coalesce((
    select json_agg(json_build_object('name', o.oprname, 'function', o.oprcode::oid::text))
    from pg_operator o where o.oid >= 16384), '[]'),
  'reads', coalesce((
    select json_agg(distinct jsonb_build_object(
      'relation', r.relation::text, 'function', r.function::text, 'part', r.part,
      'toRelation', case when r.refclassid = 'pg_class'::regclass then r.refobjid::text end,
      'column', case when r.refclassid = 'pg_class'::regclass and r.refobjsubid > 0 then
        (select a.attname from pg_attribute a where a.attrelid = r.refobjid and a.attnum = r.refobjsubid) end,
      'toFunction', case r.refclassid when 'pg_proc'::regclass then r.refobjid::text
        when 'pg_operator'::regclass then (select o.oprcode::oid::text from pg_operator o where o.oid = r.refobjid) end))
    from reads r
    where r.refobjid >= 16384 and r.refclassid in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass)), '[]')
)::text as catalog
