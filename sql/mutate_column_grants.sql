-- Privileges that are granted on single columns, to whom each.
select a.attrelid::text as oid, a.attname as column, lower(x.privilege_type) as privilege,
  case when x.grantee = 0 then 'public' else pg_get_userbyid(x.grantee)::text end as grantee
from pg_attribute a
  join pg_class c on c.oid = a.attrelid
  join pg_namespace n on n.oid = c.relnamespace,
  aclexplode(a.attacl) x
where not a.attisdropped and x.privilege_type in ('SELECT', 'INSERT', 'UPDATE')
  and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
order by 1, a.attnum, 3, 4
