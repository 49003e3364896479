-- The functions of the exposed schemas that can be called through the gateway, with their arguments and what they return.
-- EXECUTE is not asked: Postgres decides it when the request runs as its own role.
-- $1 text[]: the exposed schemas. Run with an empty search_path, so that every type is named with its schema.
with recursive domains as (
  select oid, oid as base, typbasetype as next from pg_catalog.pg_type
  union
  select d.oid, t.oid, t.typbasetype from domains d join pg_catalog.pg_type t on t.oid = d.next
)
select
  n.nspname as schema,
  p.proname as name,
  coalesce(arguments.list, '[]') as arguments,
  p.proretset as "returnsSet",
  -- With TABLE, OUT or INOUT arguments the result is a row, whatever its declared type.
  base.typtype = 'c' or coalesce(p.proargmodes::text[] && '{t,b,o}', false) as "returnsRow",
  p.prorettype = 'void'::regtype as "returnsVoid",
  case when base.typtype = 'c' or coalesce(p.proargmodes::text[] && '{t,b,o}', false)
    then coalesce(rel.relname, base.typname) end as "rowType",
  p.provolatile = 'v' as "isVolatile",
  -- A domain named like a media type makes the function a handler of that type.
  declared.typtype = 'd' and (declared.typname ~* '^[a-z0-9.-]+/[a-z0-9.+-]+$' or declared.typname = '*/*')
    as "returnsMedia",
  -- Settings of the function that must hold for the whole transaction, not only within the function.
  coalesce((
    select json_object_agg(split_part(s, '=', 1), substr(s, strpos(s, '=') + 1))
    from unnest(p.proconfig) s
    where split_part(s, '=', 1) in ('statement_timeout', 'plan_filter.statement_cost_limit', 'default_transaction_isolation')
  ), '{}') as settings
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_type declared on declared.oid = p.prorettype
join domains on domains.oid = p.prorettype and domains.next = 0
join pg_catalog.pg_type base on base.oid = domains.base
left join pg_catalog.pg_class rel on rel.oid = base.typrelid
left join lateral (
  select
    json_agg(json_build_object(
      'name', coalesce(a.name, ''),
      'type', a.type::regtype::text,
      -- The types that ignore a length take any value up to their greatest.
      'longest', case a.type
        when 'bit'::regtype then 'bit varying'
        when 'bit[]'::regtype then 'bit varying[]'
        when 'character'::regtype then 'character varying'
        when 'character[]'::regtype then 'character varying[]'
        else a.type::regtype::text
      end,
      'required', a.position <= p.pronargs - p.pronargdefaults,
      'variadic', coalesce(a.mode = 'v', false)
    ) order by a.position) as list,
    case count(*) - count(a.name)
      when 0 then true
      when 1 then (array_agg(a.type))[1] in ('bytea'::regtype, 'json'::regtype, 'jsonb'::regtype, 'text'::regtype, 'xml'::regtype)
      else false
    end as callable
  from unnest(p.proargnames, p.proargtypes::oid[], p.proargmodes) with ordinality as a (name, type, mode, position)
  where a.type is not null
) arguments on true
where n.nspname = any ($1::text[])
  and p.prokind = 'f'
  and base.oid <> 'trigger'::regtype
  and coalesce(arguments.callable, true);
