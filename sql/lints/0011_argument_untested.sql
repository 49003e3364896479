-- Functions of the schemas with arguments that a call may leave out: whether a declared call gives them is asked of the matrix.
-- facts: oid; arguments (their names, $2 for a second one without a name).
with input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[])
select 'argument-untested' as kind, n.nspname::text as schema, p.proname::text as name,
       jsonb_build_object('oid', p.oid::text, 'arguments', jsonb_agg(coalesce(nullif(a.name, ''), '$' || a.position) order by a.position)) as facts
from input
join pg_namespace n on n.nspname = any (input.schemas)
join pg_proc p on p.pronamespace = n.oid and p.pronargdefaults > 0
cross join lateral (
  select i.name, row_number() over (order by i.place) as position
  from unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes::text[])
    with ordinality as i (name, type, mode, place)
  where i.type is not null and coalesce(i.mode, 'i') in ('i', 'b', 'v')) a
where a.position > p.pronargs - p.pronargdefaults
group by n.nspname, p.proname, p.oid
order by 2, 3, p.oid
