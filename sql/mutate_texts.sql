-- What may read a relation or call a function: every function, view, and relation with policies, triggers or defaults, each
-- with the SQL that says so. src/mutate/readers.ts looks for names in it.
select p.oid::text as oid, p.proname as name, pg_get_functiondef(p.oid) as text,
  to_jsonb(p) ->> 'prosqlbody' is not null as bound, false as view
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where p.prokind in ('f', 'p') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
union all
select c.oid::text, c.relname, concat_ws(E'\n',
  case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
  (select string_agg(concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)), E'\n')
   from pg_policy where polrelid = c.oid),
  (select string_agg(pg_get_triggerdef(t.oid), E'\n') from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal),
  (select string_agg(pg_get_ruledef(r.oid), E'\n') from pg_rewrite r where r.ev_class = c.oid and r.rulename <> '_RETURN'),
  (select string_agg(pg_get_expr(adbin, adrelid), E'\n') from pg_attrdef where adrelid = c.oid)), true, c.relkind = 'v'
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
order by 1
