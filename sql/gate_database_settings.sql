-- Privileges and settings of the database $1 (for all roles, and for each), as statements that give them to the database $2.
with source as (select * from pg_database where datname = $1)
select format('revoke all on database %I from public, %s', $2::text, d.datdba::regrole) as sql, 1 as place
from source d
where d.datacl is not null
union all
select format('grant %s on database %I to %s%s', a.privilege_type, $2::text,
         case when a.grantee = 0 then 'public' else a.grantee::regrole::text end, case when a.is_grantable then ' with grant option' else '' end), 2
from source d
cross join aclexplode(d.datacl) a
union all
select format(
         'alter %s set %s = %s',
         case when s.setrole = 0 then format('database %I', $2::text)
              else format('role %I in database %I', r.rolname, $2::text) end,
         quote_ident(split_part(one, '=', 1)),
         case when split_part(one, '=', 1) = 'search_path' then substr(one, position('=' in one) + 1)
              else quote_literal(substr(one, position('=' in one) + 1)) end), 3
from pg_db_role_setting s
join source d on d.oid = s.setdatabase
left join pg_roles r on r.oid = s.setrole
cross join unnest(s.setconfig) one
order by place, sql
