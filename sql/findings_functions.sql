-- Functions whose behaviour makes a verdict unsafe to believe, as far as the catalogue can tell:
--   immutable: IMMUTABLE, yet the body reads a setting; Postgres may keep its first answer for the next identity
-- Only functions of schemas that are not Postgres's own; extensions' functions are left out.
select format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as name
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_%'
  and p.prokind = 'f'
  and p.provolatile = 'i'
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  and (p.prosrc ~* '\mcurrent_setting\s*\(' or p.prosrc ~* '\mauth\.(uid|role|jwt|email)\s*\('
       or pg_get_function_sqlbody(p.oid) ~* '\mcurrent_setting\s*\(|\mauth\.(uid|role|jwt|email)\s*\(')
order by 1
