-- Every function, procedure and aggregate of the schemas $1, with what decides who may call it and what comes back:
-- arguments, result columns, owner, SECURITY DEFINER, and whether each role of $2 holds EXECUTE (grants to PUBLIC and
-- inherited roles included). One row a routine, one JSON document a row; the shape is RoutineInfo of src/model/catalog.ts.
-- And every function of any schema that a relation of $1 has as a computed field (`computes`): its one argument is the
-- relation's row, so that PostgREST selects it by name (select=id,full_name), if its schema is searched
-- (db-extra-search-path). https://docs.postgrest.org/en/stable/references/api/computed_fields.html
-- Left out: what an extension brought along (unless it runs with its owner's rights, or its
-- functions run SQL text that the caller gives: tablefunc, xml2), and functions that only a trigger or a type calls.
with recursive domains as (
  select oid, oid as base, typbasetype as next from pg_type
  union
  select d.oid, t.oid, t.typbasetype from domains d join pg_type t on t.oid = d.next
),
-- A row is also one of the table that it inherits from, and fits whatever takes any row.
lines as (
  select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any ($1::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f')
  union
  select i.inhparent from lines join pg_inherits i on i.inhrelid = lines.oid
),
computing as (
  select p.oid from pg_proc p
  where p.prokind = 'f' and p.pronargs > 0 and p.pronargs - p.pronargdefaults <= 1
    and (p.proargtypes[0] in (select c.reltype from pg_class c join lines on lines.oid = c.oid)
         or p.proargtypes[0] in (select oid from pg_type where typnamespace = 'pg_catalog'::regnamespace
                                 and typname in ('record', 'anyelement', 'anynonarray', 'anycompatible', 'anycompatiblenonarray', 'any')))
    and p.pronamespace not in (select oid from pg_namespace where nspname in ('pg_catalog', 'information_schema') or nspname like 'pg\_%')
)
select json_build_object(
  'oid', p.oid::text,
  'schema', n.nspname,
  'name', p.proname,
  'kind', case p.prokind when 'f' then 'function' when 'p' then 'procedure' when 'a' then 'aggregate' else 'window' end,
  'arguments', coalesce((
    select json_agg(json_build_object(
      'name', coalesce(a.name, ''),
      'type', format_type(a.type, null),
      -- Qualified, since a probe's search_path is the persona's; an array type has a name too (_int4).
      'cast', (select quote_ident(tn.nspname) || '.' || quote_ident(t.typname)
               from pg_type t join pg_namespace tn on tn.oid = t.typnamespace
               where t.oid = a.type and t.typtype <> 'p'),
      'required', a.position <= p.pronargs - p.pronargdefaults,
      'variadic', a.mode = 'v',
      'default', pg_get_function_arg_default(p.oid, a.place::int)) order by a.position)
    from (
      select a.name, a.type, a.place, coalesce(a.mode, 'i') as mode, row_number() over (order by a.place) as position
      from unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes::text[])
        with ordinality as a (name, type, mode, place)
      where a.type is not null and coalesce(a.mode, 'i') in ('i', 'b', 'v')) a), '[]'),
  'returnsSet', p.proretset,
  -- With TABLE, OUT or INOUT arguments the result is a row, whatever its declared type. A record without them has no
  -- columns that a caller could name.
  'returns', case
    when p.prorettype = 'void'::regtype then 'nothing'
    when p.proargmodes::text[] && '{t,o,b}' or base.typtype = 'c' then 'row'
    when p.prorettype = 'record'::regtype then 'record'
    else 'value' end,
  'result', coalesce(pg_get_function_result(p.oid), ''),
  -- The table or view whose rows it returns.
  'rowOf', (select json_build_object('schema', rn.nspname, 'name', c.relname)
            from pg_class c join pg_namespace rn on rn.oid = c.relnamespace
            where c.oid = base.typrelid and c.relkind in ('r', 'p', 'v', 'm', 'f')),
  'columns', case
    when p.proargmodes::text[] && '{t,o,b}' then (
      select json_agg(json_build_object('name', coalesce(nullif(a.name, ''), case a.outs when 1 then p.proname else 'column' || a.position end), 'type', format_type(a.type, null))
                      order by a.position)
      from (
        select a.name, a.type, row_number() over (order by a.place) as position, count(*) over () as outs
        from unnest(p.proargnames, p.proallargtypes, p.proargmodes::text[]) with ordinality as a (name, type, mode, place)
        where a.mode in ('t', 'o', 'b')) a)
    when base.typtype = 'c' then (
      select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) order by a.attnum)
      from pg_attribute a where a.attrelid = base.typrelid and a.attnum > 0 and not a.attisdropped)
    when p.prorettype in ('void'::regtype, 'record'::regtype) then '[]'
    else json_build_array(json_build_object('name', p.proname, 'type', format_type(p.prorettype, null))) end,
  'volatility', case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
  -- An aggregate runs the functions that it is made of.
  'securityDefiner', p.prosecdef or exists (
    select from pg_aggregate a join pg_proc made on made.oid in (a.aggtransfn, a.aggfinalfn) where a.aggfnoid = p.oid and made.prosecdef),
  'computes', p.oid in (select oid from computing),
  'owner', pg_get_userbyid(p.proowner),
  'language', l.lanname,
  'settings', coalesce(to_json(p.proconfig), '[]'),
  'privileges', coalesce((
    select json_object_agg(role.rolname, json_build_object(
      'schemaUsage', has_schema_privilege(role.oid, n.oid, 'usage'),
      'execute', has_function_privilege(role.oid, p.oid, 'execute')))
    from pg_roles role where role.rolname = any ($2::text[])), '{}'),
  'public', coalesce((select bool_or(g.grantee = 0) from aclexplode(p.proacl) g), p.proacl is null),
  'acl', coalesce(to_json(p.proacl::text[]), '[]')
)::text as routine
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
join domains on domains.oid = p.prorettype and domains.next = 0
join pg_type base on base.oid = domains.base
where (p.pronamespace in (select oid from pg_namespace where nspname = any ($1::text[])) or p.oid in (select oid from computing))
  and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype, 'language_handler'::regtype)
  and (p.prosecdef or not exists (select from pg_depend d
                                  join pg_extension e on e.oid = d.refobjid
                                  where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
                                    and e.extname not in ('tablefunc', 'xml2')))
order by n.nspname, p.proname, p.oid
