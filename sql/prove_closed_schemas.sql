-- Schemas that policies name and that a role may not use. A policy that is in force needs no USAGE, since its names were resolved when it
-- was made; its text, evaluated as the role, does.
--
-- In:  $1 the role
-- Out: name    left out where a function with its caller's rights names the schema itself: that one fails without USAGE
select distinct n.nspname::text as name
from pg_catalog.pg_depend d
left join pg_catalog.pg_proc f on d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and f.oid = d.refobjid
left join pg_catalog.pg_class c on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and c.oid = d.refobjid
left join pg_catalog.pg_type t on d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass and t.oid = d.refobjid
left join pg_catalog.pg_operator o on d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass and o.oid = d.refobjid
join pg_catalog.pg_namespace n on n.oid = coalesce(f.pronamespace, c.relnamespace, t.typnamespace, o.oprnamespace)
join pg_catalog.pg_roles r on r.rolname = $1
where d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
  and not pg_catalog.has_schema_privilege(r.oid, n.oid, 'usage')
  and not exists (
    select from pg_catalog.pg_proc p
    where not p.prosecdef
      and (p.prosrc ~* ('\m' || pg_catalog.regexp_replace(n.nspname, '(\W)', '\\\1', 'g') || '"?\s*\.')
        or pg_catalog.strpos(p.proconfig::text, n.nspname) > 0)
      and p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace)
order by 1
