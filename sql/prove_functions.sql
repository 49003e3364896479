-- Every function outside of the system's schemas, with its body: policies call them, and a proof looks inside.
-- Asked under search_path = ''. One JSON document a row; the shape is ProofFunction of src/prove/analyse/schema.ts.
select json_build_object(
  'schema', n.nspname,
  'name', p.proname,
  'language', l.lanname,
  'source', p.prosrc,
  'sqlBody', pg_get_function_sqlbody(p.oid),
  'definer', p.prosecdef,
  'owner', pg_get_userbyid(p.proowner),
  'settings', coalesce(to_json(p.proconfig), '[]'),
  'volatility', case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
  'strict', p.proisstrict,
  'returnsSet', p.proretset,
  'returns', format_type(p.prorettype, null),
  'argumentNames', coalesce((
    select json_agg(coalesce(a.name, '') order by a.place)
    from unnest(p.proargnames, coalesce(p.proargmodes::text[], array_fill('i'::text, array[p.pronargs::int])))
      with ordinality as a (name, mode, place)
    where a.mode in ('i', 'b', 'v')), '[]'),
  'defaults', pg_get_expr(p.proargdefaults, 0),
  'choosesNames', chosen.by_setting,
  'unnamed', exists (
    select from pg_depend d
    where d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid
      and (d.classid in ('pg_operator'::regclass, 'pg_cast'::regclass, 'pg_type'::regclass, 'pg_amproc'::regclass)
        or d.classid = 'pg_constraint'::regclass and exists (select from pg_constraint k where k.oid = d.objid and k.contypid <> 0)
        or d.classid = 'pg_proc'::regclass and exists (select from pg_aggregate a where a.aggfnoid = d.objid))),
  'argumentTypes', coalesce((select json_agg(format_type(t, null) order by o)
                             from unnest(p.proargtypes::oid[]) with ordinality x (t, o)), '[]'),
  -- Places count all arguments, those that are returned too.
  'argumentDefaults', case when p.pronargdefaults > 0 then (
    select json_agg(pg_get_function_arg_default(p.oid, a.place::int) order by a.place)
    from unnest(coalesce(p.proargmodes::text[], array_fill('i'::text, array[p.pronargs::int]))) with ordinality as a (mode, place)
    where a.mode in ('i', 'b', 'v')) end
)::text as function
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
-- A role's settings are its sessions', and PostgREST's for its requests.
cross join (select coalesce(current_setting('plpgsql.variable_conflict', true), 'error') <> 'error' or exists (
  select from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) one
  where (s.setdatabase = 0 or d.datname = current_database())
    and one ilike 'plpgsql.variable_conflict=%' and one not ilike '%=error')) as chosen (by_setting)
where p.prokind in ('f', 'p') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_temp%'
order by n.nspname, p.proname, p.oid
