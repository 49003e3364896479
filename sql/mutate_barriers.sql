-- Views with security_barrier, and what each selects.
select c.oid::text as oid, pg_get_viewdef(c.oid) as definition
from pg_class c, pg_options_to_table(c.reloptions) o
where c.relkind = 'v' and o.option_name = 'security_barrier' and lower(o.option_value) in ('true', 'on', 'yes', '1')
order by 1
