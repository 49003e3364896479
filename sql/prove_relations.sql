-- Every relation outside of the system's schemas, with what a proof needs to know of it: which values a column can hold
-- (type, domain, labels, collation), the constraints that a row must meet, and its policies. Asked under search_path = '',
-- so that pg_get_expr names everything in full. One JSON document a row; the shape is ProofRelation of
-- src/prove/analyse/schema.ts.
with recursive domains as (
  select oid, oid as base, typbasetype as next, typnotnull as not_null from pg_type where typtype = 'd'
  union all
  select d.oid, t.oid, t.typbasetype, d.not_null or t.typnotnull from domains d join pg_type t on t.oid = d.next
),
{lineage},
-- Types for which the database itself defines a comparison or a cast: there = may mean anything. citext's is known.
redefined as (
  select unnest(array[o.oprleft, o.oprright]) as type
  from pg_operator o
  where o.oid >= 16384 and o.oprname in ('=', '<>', '<', '>', '<=', '>=')
    and not exists (select from pg_depend d join pg_extension e on e.oid = d.refobjid
                    where d.classid = 'pg_operator'::regclass and d.objid = o.oid and d.deptype = 'e')
  union
  select unnest(array[c.castsource, c.casttarget])
  from pg_cast c
  where c.oid >= 16384
    and not exists (select from pg_depend d join pg_extension e on e.oid = d.refobjid
                    where d.classid = 'pg_cast'::regclass and d.objid = c.oid and d.deptype = 'e')
)
select json_build_object(
  {relation},
  'columns', coalesce((
    select json_agg(json_build_object(
      {column},
      'base', format_type(base.oid, null),
      'element', case when base.typcategory = 'A' then format_type(base.typelem, null) end,
      'category', base.typcategory,
      'domainNotNull', coalesce(dom.not_null, false),
      -- Until Postgres 18 a child may drop the NOT NULL that it inherits.
      'nullInChildren', c.relhassubclass and a.attnotnull and exists (
        with recursive children as (
          select inhrelid from pg_inherits where inhparent = c.oid
          union select i.inhrelid from pg_inherits i join children on i.inhparent = children.inhrelid)
        select from children join pg_attribute k on k.attrelid = inhrelid and k.attname = a.attname and not k.attnotnull),
      'expression', pg_get_expr(d.adbin, d.adrelid),
      'labels', (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = base.oid),
      'domainChecks', coalesce((
        select json_agg(pg_get_expr(k.conbin, 0)) from pg_constraint k
        where k.contypid = t.oid and k.contype = 'c' and k.convalidated), '[]'),
      'deterministic', coalesce((select l.collisdeterministic from pg_collation l where l.oid = a.attcollation), true),
      'redefined', exists (select from redefined where redefined.type in (a.atttypid, base.oid)))
      order by a.attnum)
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    left join domains dom on dom.oid = t.oid and dom.next = 0
    join pg_type base on base.oid = coalesce(dom.base, t.oid)
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]'),
  'checks', coalesce((
    select json_agg(pg_get_expr(k.conbin, k.conrelid)) from pg_constraint k
    where k.conrelid = c.oid and k.contype = 'c' and k.convalidated
      and not (k.connoinherit and exists (select from pg_inherits i where i.inhparent = c.oid))), '[]'),
  'foreignKeys', coalesce((
    select json_agg(json_build_object(
      'columns', (select json_agg(a.attname order by x.ord) from unnest(k.conkey) with ordinality as x (num, ord)
                  join pg_attribute a on a.attrelid = k.conrelid and a.attnum = x.num),
      'to', (select json_build_object('schema', fn.nspname, 'name', fc.relname)
             from pg_class fc join pg_namespace fn on fn.oid = fc.relnamespace where fc.oid = k.confrelid),
      'referenced', (select json_agg(a.attname order by x.ord) from unnest(k.confkey) with ordinality as x (num, ord)
                     join pg_attribute a on a.attrelid = k.confrelid and a.attnum = x.num),
      'onDelete', k.confdeltype, 'onUpdate', k.confupdtype,
      'notValid', not k.convalidated or exists (
        select from pg_trigger g where g.tgconstraint = k.oid and g.tgrelid = k.conrelid and g.tgenabled in ('D', 'R'))))
    from pg_constraint k where k.conrelid = c.oid and k.contype = 'f' and k.conparentid = 0), '[]'),
  'triggers', coalesce((
    select json_agg(json_build_object(
      'name', g.tgname,
      'timing', case when g.tgtype & 64 <> 0 then 'instead of' when g.tgtype & 2 <> 0 then 'before' else 'after' end,
      'always', g.tgqual is null and g.tgattr::text = '' and g.tgenabled in ('O', 'A'),
      'level', case when g.tgtype & 1 <> 0 then 'row' else 'statement' end,
      'events', to_json(array_remove(array[
        case when g.tgtype & 4 <> 0 then 'insert' end, case when g.tgtype & 8 <> 0 then 'delete' end,
        case when g.tgtype & 16 <> 0 then 'update' end, case when g.tgtype & 32 <> 0 then 'truncate' end], null)),
      'function', (select json_build_object('schema', fn.nspname, 'name', f.proname)
                   from pg_proc f join pg_namespace fn on fn.oid = f.pronamespace where f.oid = g.tgfoid)) order by g.tgname)
    from fired join pg_trigger g on g.oid = fired.trigger where fired.relation = c.oid and g.tgenabled <> 'D'), '[]'),
  'uniques', coalesce((
    select json_agg(u.names)
    from (select (select json_agg(a.attname) from unnest(i.indkey::int2[]) x (num)
                  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = x.num) as names
          from pg_index i where i.indrelid = c.oid and i.indisunique) u where u.names is not null), '[]'),
  -- Those that let no two rows be, whatever else is in them.
  'keys', coalesce((
    select json_agg(u.names)
    from (select (select json_agg(a.attname) from unnest(i.indkey::int2[]) x (num)
                  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = x.num) as names
          from pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate
            and i.indpred is null and i.indexprs is null and i.indnatts = i.indnkeyatts) u), '[]'),
  'rls', c.relrowsecurity,
  'securityInvoker', coalesce(c.reloptions::text[] && '{security_invoker=true,security_invoker=on,security_invoker=1,security_invoker=yes}', false),
  'definition', case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
  'ancestors', coalesce((
    select json_agg(json_build_object('schema', an.nspname, 'name', ac.relname))
    from lineage l join pg_class ac on ac.oid = l.ancestor join pg_namespace an on an.oid = ac.relnamespace
    where l.child = c.oid), '[]'),
  'rules', coalesce((
    select json_agg(json_build_object('name', w.rulename, 'definition', pg_get_ruledef(w.oid),
      'event', (array['select', 'update', 'insert', 'delete'])[w.ev_type::text::int]))
    from pg_rewrite w where w.ev_class = c.oid and w.rulename <> '_RETURN'), '[]')
)::text as relation
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname not like 'pg\_toast%' and n.nspname not like 'pg\_temp%'
order by n.nspname, c.relname
