-- Relations of the schemas $1 that whoever asks may not SELECT from. BYPASSRLS lets one past policies, and past no privilege.
select format('%s.%s', n.nspname, c.relname) as name
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any ($1::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and not (has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'))
order by 1
