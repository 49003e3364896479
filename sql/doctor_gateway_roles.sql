-- Whom the login $1 may SET ROLE to, itself excepted. A superuser may be anybody, which says nothing: no row then.
select o.rolname::text as name
from pg_roles r
cross join pg_roles o
where r.rolname = $1 and not r.rolsuper and o.oid <> r.oid and o.rolname !~ '^pg_'
  -- Since 16 a membership says by itself whether it lets one SET ROLE.
  and pg_has_role(r.oid, o.oid, case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end)
order by 1
