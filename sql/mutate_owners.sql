-- Roles whose rights views and SECURITY DEFINER functions lend to those who use them, where policies apply to such a role:
-- what a policy lets through may show there, whoever the policy is for.
select distinct r.rolname as name
from pg_roles r
where not r.rolsuper and not r.rolbypassrls
  and (exists (select from pg_proc p where p.proowner = r.oid and p.prosecdef)
    or exists (
      select from pg_class c
      where c.relowner = r.oid and c.relkind = 'v'
        and not coalesce((
          select lower(o.option_value) in ('true', 'on', 'yes', '1')
          from pg_options_to_table(c.reloptions) o where o.option_name = 'security_invoker'), false)))
order by 1
