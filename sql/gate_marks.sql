-- What is in force in this database besides its rows, as marks in a fixed order: policies, row-level security, owners, grants,
-- columns, constraints, defaults, views, rules, triggers, functions, types, roles, memberships and settings.
with marks (kind, object, mark) as (
  select 'relation', c.oid::regclass::text, concat_ws(' ', c.relkind, c.relowner::regrole, c.relrowsecurity, c.relforcerowsecurity, c.relacl, c.reloptions, case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end)
  from pg_class c where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  union all
  select 'column', a.attrelid::regclass::text, concat_ws(' ', a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated, a.attidentity, a.attacl, pg_get_expr(d.adbin, d.adrelid))
  from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'v', 'm', 'f')
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attnum > 0 and not a.attisdropped
  union all
  select 'policy', p.polrelid::regclass::text, concat_ws(' ', p.polcmd, p.polpermissive, array(select case when r = 0 then 'public' else r::regrole::text end from unnest(p.polroles) r), pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid))
  from pg_policy p
  union all
  select 'constraint', k.conrelid::regclass::text, pg_get_constraintdef(k.oid) from pg_constraint k where k.contype <> 'n'
  union all
  select 'trigger', t.tgrelid::regclass::text, concat_ws(' ', t.tgenabled, pg_get_triggerdef(t.oid)) from pg_trigger t where not t.tgisinternal
  union all
  select 'rule', r.ev_class::regclass::text, pg_get_ruledef(r.oid) from pg_rewrite r
  union all
  select 'inheritance', i.inhrelid::regclass::text, i.inhparent::regclass::text from pg_inherits i
  union all
  select 'function', f.oid::regprocedure::text, concat_ws(' ', f.proowner::regrole, f.prosecdef, f.provolatile, f.proisstrict, f.proacl, f.proconfig, md5(concat(f.prosrc, f.probin, pg_get_function_sqlbody(f.oid))))
  from pg_proc f join pg_namespace n on n.oid = f.pronamespace where n.nspname not in ('pg_catalog', 'information_schema')
  union all
  select 'type', t.oid::regtype::text, concat_ws(' ', t.typtype, pg_get_expr(t.typdefaultbin, 0), (select array_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid))
  from pg_type t join pg_namespace n on n.oid = t.typnamespace where n.nspname not in ('pg_catalog', 'information_schema') and t.typtype in ('d', 'e', 'r')
  union all
  select 'schema', n.nspname, concat_ws(' ', n.nspowner::regrole, n.nspacl) from pg_namespace n where n.nspname !~ '^pg_(toast|temp)'
  union all
  select 'role', r.rolname, concat_ws(' ', r.rolsuper, r.rolinherit, r.rolcanlogin, r.rolbypassrls, r.rolconfig) from pg_roles r
  union all
  select 'member', m.member::regrole::text, to_jsonb(m)::text from pg_auth_members m
  union all
  select 'setting', coalesce(s.setrole, 0)::text, array_to_string(s.setconfig, ' ') from pg_db_role_setting s join pg_database d on d.oid in (s.setdatabase, 0) and d.datname = current_database()
)
select kind, object, mark from marks
where object !~ '^(pg_catalog|information_schema|pg_toast)\.'
order by 1, 2, 3
