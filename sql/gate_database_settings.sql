-- Settings of the database $1 (for all roles, and for each), as statements that give them to the database $2.
select format(
         'alter %s set %s = %s',
         case when s.setrole = 0 then format('database %I', $2::text)
              else format('role %I in database %I', r.rolname, $2::text) end,
         quote_ident(split_part(one, '=', 1)),
         case when split_part(one, '=', 1) = 'search_path' then substr(one, position('=' in one) + 1)
              else quote_literal(substr(one, position('=' in one) + 1)) end) as sql
from pg_db_role_setting s
join pg_database d on d.oid = s.setdatabase
left join pg_roles r on r.oid = s.setrole
cross join unnest(s.setconfig) one
where d.datname = $1
order by 1
