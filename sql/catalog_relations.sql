-- Every table, partitioned table, view, materialized view and foreign table of the schemas $1,
-- with what decides who may do what to it: columns, keys, constraints, policies, triggers, rules,
-- owner, view options, and what each role of $2 holds (grants to PUBLIC and inherited roles included).
-- One row a relation, one JSON document a row; the shape is RelationInfo of src/model/catalog.ts.
-- A role of $2 that does not exist here is left out (preflight reports it).
with recursive {lineage}
select json_build_object(
  'oid', c.oid::text,
  {relation},
  'owner', pg_get_userbyid(c.relowner),
  'rls', c.relrowsecurity,
  'forceRls', c.relforcerowsecurity,
  'securityInvoker', coalesce((
    select lower(o.option_value) in ('true', 'on', 'yes', '1')
    from pg_options_to_table(c.reloptions) o where o.option_name = 'security_invoker'), false),
  'isPartition', c.relispartition,
  -- Bits as pg_relation_is_updatable numbers them: 8 INSERT, 4 UPDATE, 16 DELETE (triggers included).
  'accepts', to_json(array_remove(array[
    case when pg_relation_is_updatable(c.oid, true) & 8 <> 0 then 'insert' end,
    case when pg_relation_is_updatable(c.oid, true) & 4 <> 0 then 'update' end,
    case when pg_relation_is_updatable(c.oid, true) & 16 <> 0 then 'delete' end], null)),
  'columns', coalesce((
    select json_agg(json_build_object(
      {column},
      'hasDefault', a.atthasdef,
      'composite', t.typtype = 'c') order by a.attnum)
    from pg_attribute a join pg_type t on t.oid = a.atttypid
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]'),
  'primaryKey', coalesce((
    select json_agg(a.attname order by k.ord)
    from pg_index i
    cross join unnest(i.indkey::int2[]) with ordinality as k(attnum, ord)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = c.oid and i.indisprimary), '[]'),
  'uniqueKeys', coalesce((
    select json_agg(u.names)
    from (
      select json_agg(a.attname order by k.ord) as names
      from pg_index i
      cross join unnest(i.indkey::int2[]) with ordinality as k(attnum, ord)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where i.indrelid = c.oid and i.indisunique and not i.indisprimary and i.indpred is null
        and i.indexprs is null and i.indisvalid
      group by i.indexrelid
      having bool_and(a.attnotnull)
      order by count(*), i.indexrelid) u), '[]'),
  'constraints', coalesce((
    select json_agg(json_build_object(
      'name', k.conname,
      'type', case k.contype when 'p' then 'primary key' when 'u' then 'unique' when 'f' then 'foreign key'
                             when 'c' then 'check' when 'x' then 'exclusion' when 'n' then 'not null'
                             else 'trigger' end,
      'columns', coalesce((select json_agg(a.attname order by x.ord)
                           from unnest(k.conkey) with ordinality as x(attnum, ord)
                           join pg_attribute a on a.attrelid = k.conrelid and a.attnum = x.attnum), '[]'),
      'references', case when k.contype = 'f' then (
          select json_build_object('schema', fn.nspname, 'name', fc.relname)
          from pg_class fc join pg_namespace fn on fn.oid = fc.relnamespace where fc.oid = k.confrelid) end,
      'onDelete', case k.confdeltype when 'c' then 'cascade' when 'n' then 'set' when 'd' then 'set' end)
      order by k.conname)
    from pg_constraint k where k.conrelid = c.oid), '[]'),
  'triggers', coalesce((
    select json_agg(json_build_object(
      'name', g.tgname,
      'timing', case when g.tgtype & 64 <> 0 then 'instead of' when g.tgtype & 2 <> 0 then 'before' else 'after' end,
      'level', case when g.tgtype & 1 <> 0 then 'row' else 'statement' end,
      'events', to_json(array_remove(array[
        case when g.tgtype & 4 <> 0 then 'insert' end, case when g.tgtype & 8 <> 0 then 'delete' end,
        case when g.tgtype & 16 <> 0 then 'update' end, case when g.tgtype & 32 <> 0 then 'truncate' end], null)),
      'function', g.tgfoid::regproc::text,
      'enabled', g.tgenabled <> 'D') order by g.tgname)
    from fired join pg_trigger g on g.oid = fired.trigger where fired.relation = c.oid), '[]'),
  'rules', coalesce((
    select json_agg(r.rulename order by r.rulename)
    from pg_rewrite r where r.ev_class = c.oid and r.rulename <> '_RETURN'), '[]'),
  'reads', coalesce((
    select json_agg(distinct jsonb_build_object('schema', rn.nspname, 'name', rc.relname))
    from pg_rewrite r
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                    and d.refclassid = 'pg_class'::regclass and d.refobjid <> c.oid
    join pg_class rc on rc.oid = d.refobjid and rc.relkind in ('r', 'p', 'v', 'm', 'f')
    join pg_namespace rn on rn.oid = rc.relnamespace
    where r.ev_class = c.oid and r.rulename = '_RETURN'), '[]'),
  'privileges', coalesce((
    select json_object_agg(role.rolname, json_build_object(
      'schemaUsage', has_schema_privilege(role.oid, n.oid, 'usage'),
      'delete', has_table_privilege(role.oid, c.oid, 'delete'),
      'truncate', has_table_privilege(role.oid, c.oid, 'truncate'),
      'select', coalesce((select json_agg(a.attname order by a.attnum) from pg_attribute a
                 where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                   and has_column_privilege(role.oid, c.oid, a.attnum, 'select')), '[]'),
      'insert', coalesce((select json_agg(a.attname order by a.attnum) from pg_attribute a
                 where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                   and has_column_privilege(role.oid, c.oid, a.attnum, 'insert')), '[]'),
      'update', coalesce((select json_agg(a.attname order by a.attnum) from pg_attribute a
                 where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                   and has_column_privilege(role.oid, c.oid, a.attnum, 'update')), '[]')))
    from pg_roles role where role.rolname = any ($2::text[])), '{}'),
  'acl', coalesce(to_json(c.relacl::text[]), '[]')
)::text as relation
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any ($1::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f')
order by n.nspname, c.relname
