-- What decides the cells of each relation outside of the system schemas, as a text that changes when it does, the same of each
-- function, and one row without a name for what belongs to none: roles and their memberships and settings, schemas, types, default
-- privileges, extensions, sequences. Rows count too: a cell is about rows. Moments of today with a fraction are alike: now() wrote them when the
-- database was made, and would be another at each save.
--   oid, relation, name, mark   `schema.name`, of a function with its arguments; an MD5 of definition, policies, grants, triggers, indexes and rows
--   needs                  relations and functions that its policies, triggers, defaults, view definition and partitions name, and
--                          relations with a foreign key to it; of a function: those whose name occurs in its text, whatever it means
--   parents                relations that its own foreign keys refer to: a check of a key reads their rows, and nothing else of theirs
--   opaque                 what it reads, no catalogue says: SQL that is put together where it runs, a language other than SQL and PL/pgSQL,
--                          an operator that is not Postgres's own
with relations as (
  select c.*, n.nspname, format('%I.%I', n.nspname, c.relname) as shown
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
),
functions as (
  select p.*, n.nspname, format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as shown,
         coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as body
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where p.prokind in ('f', 'p') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
),
objects as (
  select r.oid as relation, 'pg_policy'::regclass as class, p.oid as object from relations r join pg_policy p on p.polrelid = r.oid
  union all select r.oid, 'pg_rewrite'::regclass, w.oid from relations r join pg_rewrite w on w.ev_class = r.oid
  union all select r.oid, 'pg_constraint'::regclass, k.oid from relations r join pg_constraint k on k.conrelid = r.oid and k.contype <> 'f'
  union all select r.oid, 'pg_attrdef'::regclass, a.oid from relations r join pg_attrdef a on a.adrelid = r.oid
),
needs as (
  select o.relation, d.refobjid as needed from objects o
  join pg_depend d on d.classid = o.class and d.objid = o.object and d.refclassid in ('pg_class'::regclass, 'pg_proc'::regclass)
  union select tgrelid, tgfoid from pg_trigger where not tgisinternal
  union select confrelid, conrelid from pg_constraint where confrelid <> 0
  union select inhrelid, inhparent from pg_inherits
  union select inhparent, inhrelid from pg_inherits
),
opaque as (
  -- Built-in operators are pinned, and no dependency on them is recorded.
  select o.relation from objects o
  join pg_depend d on d.classid = o.class and d.objid = o.object and d.refclassid = 'pg_operator'::regclass
)
select r.oid::text as oid, r.shown as relation, r.relname::text as name,
       md5(concat_ws('|',
         r.relkind, r.relowner::regrole, r.relacl, r.relrowsecurity, r.relforcerowsecurity, r.reloptions,
         (select string_agg(concat_ws(',', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attacl, a.attidentity, a.attgenerated,
                                      pg_get_expr(e.adbin, e.adrelid)), ';' order by a.attnum)
          from pg_attribute a left join pg_attrdef e on e.adrelid = a.attrelid and e.adnum = a.attnum
          where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped),
         (select string_agg(k.conname || pg_get_constraintdef(k.oid), ';' order by k.conname) from pg_constraint k where k.conrelid = r.oid),
         (select string_agg(pg_get_indexdef(i.indexrelid), ';' order by i.indexrelid::regclass::text) from pg_index i where i.indrelid = r.oid),
         (select string_agg(p::text, ';' order by p.policyname) from pg_policies p where p.schemaname = r.nspname and p.tablename = r.relname),
         (select string_agg(pg_get_triggerdef(t.oid) || t.tgenabled::text, ';' order by t.tgname) from pg_trigger t where t.tgrelid = r.oid and not t.tgisinternal),
         (select string_agg(pg_get_ruledef(w.oid), ';' order by w.rulename) from pg_rewrite w where w.ev_class = r.oid),
         case when r.relkind in ('r', 'm') then
           (xpath('/row/h/text()', query_to_xml(format(
             'select md5(coalesce(string_agg(md5(x), '''' order by md5(x)), '''')) as h
              from (select regexp_replace(t::text, to_char(now(), ''YYYY-MM-DD'') || ''[ T][0-9:]+\.[0-9]+'', ''now'', ''g'') from %s t) as rows (x)',
             r.shown), false, true, '')))[1]::text
         end)) as mark,
       array(select x.shown from needs n join relations x on x.oid = n.needed where n.relation = r.oid and x.oid <> r.oid
             union select f.shown from needs n join functions f on f.oid = n.needed where n.relation = r.oid) as needs,
       array(select distinct x.shown from pg_constraint k join relations x on x.oid = k.confrelid where k.conrelid = r.oid and x.oid <> r.oid) as parents,
       r.oid in (select relation from opaque) as opaque
from relations r
union all
select f.oid::text, f.shown, f.proname,
       md5(concat_ws('|', f.proowner::regrole, f.proacl, f.prosecdef, f.proconfig, f.provolatile, f.proisstrict, f.prolang, f.body,
                     pg_get_function_arguments(f.oid), pg_get_function_result(f.oid))),
       array(select x.shown from relations x where strpos(f.body, x.relname) > 0
             union select o.shown from functions o where o.oid <> f.oid and strpos(f.body, o.proname) > 0),
       '{}',
       l.lanname not in ('sql', 'plpgsql', 'c', 'internal') or l.lanname = 'plpgsql' and f.body ~* '\mexecute\M'
from functions f join pg_language l on l.oid = f.prolang
union all
select '', '', '', md5(concat_ws('|',
         (select string_agg(a::text, ';' order by a.rolname) from pg_roles a),
         (select string_agg(concat_ws(',', m.roleid::regrole, m.member::regrole, m.admin_option, to_jsonb(m) ->> 'inherit_option', to_jsonb(m) ->> 'set_option'), ';' order by m.roleid, m.member, m.grantor) from pg_auth_members m),
         (select string_agg(concat_ws(',', n.nspname, n.nspowner::regrole, n.nspacl), ';' order by n.nspname) from pg_namespace n where n.nspname !~ '^pg_(toast|temp)'),
         (select string_agg(concat_ws(',', e.enumtypid::regtype, e.enumlabel, e.enumsortorder), ';' order by e.enumtypid::regtype::text, e.enumsortorder) from pg_enum e),
         (select string_agg(concat_ws(',', t.oid::regtype, t.typtype, t.typacl, t.typnotnull, pg_get_constraintdef(k.oid)), ';' order by t.oid::regtype::text, k.conname)
          from pg_type t left join pg_constraint k on k.contypid = t.oid
          where t.typnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) and t.typtype in ('d', 'e', 'r')),
         (select string_agg(concat_ws(',', d.defaclrole::regrole, d.defaclnamespace::regnamespace, d.defaclobjtype, d.defaclacl), ';'
                            order by d.defaclrole::regrole::text, d.defaclnamespace, d.defaclobjtype) from pg_default_acl d),
         (select string_agg(e.extname || e.extversion, ';' order by e.extname) from pg_extension e),
         (select string_agg(concat_ws(',', c.oid::regclass, c.relowner::regrole, c.relacl), ';' order by c.oid::regclass::text) from pg_class c where c.relkind = 'S'))),
       '{}', '{}', false
