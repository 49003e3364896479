-- What decides about rows of the relation $1 (oid) for the role $2: whether row level security applies to the role, and the
-- policies that do. Run with an empty search_path, so that every expression names its schemas and reads the same
-- in any session.
select
  c.relkind in ('r', 'p') as "isTable",
  c.relrowsecurity as rls,
  r.rolsuper as superuser,
  r.rolbypassrls as "bypassRls",
  pg_has_role(r.oid, c.relowner, 'usage') and not c.relforcerowsecurity as "ownerExempt",
  coalesce((
    select json_agg(json_build_object(
      'name', p.polname,
      'command', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                               when 'd' then 'delete' else 'all' end,
      'permissive', p.polpermissive,
      'using', pg_get_expr(p.polqual, p.polrelid),
      'check', pg_get_expr(p.polwithcheck, p.polrelid)) order by p.polname)
    from pg_policy p
    where p.polrelid = c.oid
      and exists (select from unnest(p.polroles) member where case when member = 0 then true else pg_has_role(r.oid, member, 'usage') end)
  ), '[]') as policies
from pg_class c, pg_roles r
where c.oid = $1::oid and r.rolname = $2
