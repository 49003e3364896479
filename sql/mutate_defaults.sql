-- SELECT on tables that do not exist yet, in the schemas $1: of each owner of a relation there, the personas' roles ($2) that would not
-- hold it, and the grants by which others do. A grant without a schema counts in each.
with owners as (
  select distinct c.relowner as owner, n.oid as schema, n.nspname
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any($1) and c.relkind in ('r', 'p', 'v', 'm')
), given as (
  select o.owner, o.schema, d.defaclnamespace <> 0 as here, x.grantee
  from owners o
    join pg_default_acl d on d.defaclrole = o.owner and d.defaclobjtype = 'r' and d.defaclnamespace in (0, o.schema),
    aclexplode(d.defaclacl) x
  where x.privilege_type = 'SELECT' and x.grantee <> o.owner
)
select 'grant' as verb, pg_get_userbyid(o.owner)::text as owner, o.nspname as schema, r.rolname as role, true as here,
  has_schema_privilege(r.oid, o.schema, 'usage') as usable
from owners o, pg_roles r
where r.rolname = any($2) and not r.rolsuper and r.oid <> o.owner
  and not exists (
    select from given g
    where g.owner = o.owner and g.schema = o.schema
      and case when g.grantee = 0 then true else pg_has_role(r.oid, g.grantee, 'usage') end)
union
select 'revoke', pg_get_userbyid(g.owner)::text, n.nspname, case when g.grantee = 0 then 'public' else pg_get_userbyid(g.grantee)::text end,
  g.here, bool_or(has_schema_privilege(r.oid, g.schema, 'usage'))
from given g
  join pg_namespace n on n.oid = g.schema
  join pg_roles r on r.rolname = any($2) and case when g.grantee = 0 then true else pg_has_role(r.oid, g.grantee, 'usage') end
group by g.owner, n.nspname, g.grantee, g.here
order by 3, 2, 1, 4
