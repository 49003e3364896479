-- What lies open, past every policy, to a session of one of the sessions' roles that comes through no gateway: it sends any SQL, and
-- no probe sends this. Looked at: tables, views and functions of the schemas. One row a role and thing:
--   replication  the role may stream the database: every row of every table (REPLICATION needs no privilege on any)
--   trigger      TRIGGER on a table: what the role hangs there runs with the rights of whoever writes next
--   schema       the role owns the schema, and may drop what is in it, whoever owns that
--   force        the role is a login and owns the table: FORCE ROW LEVEL SECURITY is its own to take away
--   shadow       a function that policies or views call, or that runs with its owner's rights, finds a relation by a name
--                without a schema. Where search_path does not name pg_temp, temporary tables come first, even before
--                pg_catalog: one of the session's own stands in the relation's place. Bodies are searched as text
--                (PL/pgSQL keeps no parsed form, and what EXECUTE runs is known to nobody): a name counts where
--                it follows FROM, JOIN, INTO or UPDATE, is a relation's, and is no WITH query's.
--   create       the role may make functions or relations in a schema that such a function searches before the one in which it finds
--                what it names, or, of a function, in that very schema (another with the same name may fit the arguments better).
--                A function without a search_path of its own searches whatever the session says. pg_catalog comes first.
--   barrier      a view reads with its owner's rights and hides rows without security_barrier: a condition of the caller's
--                own (a function that tells what it is given) may be tried on those rows first
--                (https://www.postgresql.org/docs/current/rules-privileges.html).
--   leakproof    a function in another language than C that is marked LEAKPROOF: a condition with it is tried before the policies, and it may tell
--                what it is given (https://www.postgresql.org/docs/current/sql-createfunction.html)
-- facts: role; way; of (shadow, create: the relation or function; schema: one that is in it); query (barrier: the view's, of which src/lint asks
-- Postgres's own parser whether it hides rows at all).
-- Superusers are left out, for whom that is no news, and what an extension brought along.
with recursive input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[]),
session_roles as (
  select r.oid, r.rolname as name, r.rolreplication as replicates
  from input join pg_roles r on r.rolname = any (input.sessions) and not r.rolsuper
),
relations as (
  select c.oid, c.relname, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, n.oid as schema, n.nspname,
         format('%I.%I', n.nspname, c.relname) as name
  from input join pg_namespace n on n.nspname = any (input.schemas) join pg_class c on c.relnamespace = n.oid
  where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
),
own as (
  select p.oid, p.proname, n.nspname, p.prosecdef, format('%I.%I', n.nspname, p.proname) as name,
         (select substr(one, 13) from unnest(p.proconfig) one where one like 'search\_path=%') as path,
         regexp_replace(p.prosrc, '--[^\n]*|/\*.*?\*/', ' ', 'g') as body
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_%' and p.prokind in ('f', 'p')
    -- BEGIN ATOMIC: names were looked up when it was made.
    and p.prosqlbody is null
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
),
leakproof as (
  select p.oid, n.oid as schema, n.nspname, format('%I.%I', n.nspname, p.proname) as name
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language g on g.oid = p.prolang
  where p.proleakproof and g.lanname not in ('c', 'internal')
),
{calls},
deciding as (
  select d.refobjid as oid
  from pg_depend d
  where d.refclassid = 'pg_proc'::regclass and d.classid in ('pg_policy'::regclass, 'pg_rewrite'::regclass)
  union
  select t.tgfoid from pg_trigger t join own f on f.oid = t.tgfoid where f.prosecdef
  union
  select f.oid from deciding h join calls c on c.oid = h.oid join own f on f.proname = c.name
),
-- A definer's own setting holds in whatever it calls, unless that has one.
finds as (
  select f.oid, f.name, f.nspname, f.prosecdef, f.oid in (select oid from deciding) as decides, min(c.relname) as relation
  from own f
  cross join regexp_matches(f.body, '\m(?:from|join|into|update)\s+(?:only\s+)?"?([[:alpha:]_][\w$]*)"?(?!["\w$]*\s*[.(])', 'gi') m
  join pg_class c on c.relname in (m[1], lower(m[1])) and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't'
  where coalesce(f.path, '') !~ '\mpg_temp\M'
    and f.body !~* ('\m' || m[1] || '\s*(\([^()]*\)\s*)?\mas\s*(not\s+)?(materialized\s*)?\(')
  group by f.oid, f.name, f.nspname, f.prosecdef
),
-- What a function names without a schema, and finds outside of pg_catalog: relations, and functions that it calls.
named as (
  select f.oid, c.relname as called, c.relnamespace as found, false as function
  from own f
  cross join regexp_matches(f.body, '\m(?:from|join|into|update)\s+(?:only\s+)?"?([[:alpha:]_][\w$]*)"?(?!["\w$]*\s*[.(])', 'gi') m
  join pg_class c on c.relname in (m[1], lower(m[1])) and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't'
  where c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  union
  select f.oid, p.proname, p.pronamespace, true
  from own f
  cross join regexp_matches(f.body, '(?<![\w$".])"?([[:alpha:]_][\w$]*)"?\s*\(', 'g') m
  join pg_proc p on p.proname in (m[1], lower(m[1]))
  where p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    and not exists (select from pg_proc b where b.pronamespace = 'pg_catalog'::regnamespace and b.proname = p.proname)
),
searched as (
  select f.oid, trim(both '"' from trim(one.name)) as name, one.place
  from own f cross join unnest(string_to_array(f.path, ',')) with ordinality one (name, place)
),
created as (
  select l.oid as role, f.nspname, f.name, min(n.called) as called
  from session_roles l
  cross join own f
  join named n on n.oid = f.oid
  where (f.oid in (select oid from deciding) or f.prosecdef and has_function_privilege(l.oid, f.oid, 'execute'))
    and case when f.path is null then
      exists (select from pg_namespace s where has_schema_privilege(l.oid, s.oid, 'create') and s.nspname !~ '^pg_')
    else exists (
      select from searched s
      where s.oid = f.oid
        and case when to_regnamespace(quote_ident(s.name)) is null
          then s.name not like 'pg\_%' and has_database_privilege(l.oid, current_database(), 'create')
          else has_schema_privilege(l.oid, to_regnamespace(quote_ident(s.name)), 'create') end
        and s.place - n.function::int < (select min(o.place) from searched o where o.oid = f.oid and to_regnamespace(quote_ident(o.name)) = n.found)
    ) end
  group by l.oid, f.nspname, f.name
)
select 'login-bypass-path' as kind, w.schema::text as schema, w.place as name,
       jsonb_build_object('role', l.name, 'way', w.way, 'of', w.of, 'query', w.query) as facts
from session_roles l
cross join input
cross join lateral (
  select 'replication' as way, null::name as schema, l.name::text as place, null::text as of, null::text as query where l.replicates
  union all
  select 'trigger', r.nspname, r.name, null, null from relations r
  where r.relkind in ('r', 'p', 'v', 'f') and has_table_privilege(l.oid, r.oid, 'trigger') and not pg_has_role(l.oid, r.relowner, 'usage')
    and has_schema_privilege(l.oid, r.schema, 'usage')
  union all
  select 'schema', n.nspname, n.nspname::text, min(r.name), null from pg_namespace n join relations r on r.schema = n.oid
  where pg_has_role(l.oid, n.nspowner, 'usage') and not pg_has_role(l.oid, r.relowner, 'usage')
  group by n.nspname
  union all
  select 'force', r.nspname, r.name, null, null from relations r
  where r.relrowsecurity and r.relforcerowsecurity and pg_has_role(l.oid, r.relowner, 'usage') and l.name = any (input.logins)
  union all
  select 'shadow', f.nspname, f.name, f.relation::text, null from finds f
  where (f.decides or f.prosecdef and has_function_privilege(l.oid, f.oid, 'execute'))
    and has_database_privilege(l.oid, current_database(), 'temp')
  union all
  select 'create', c.nspname, c.name, c.called::text, null from created c where c.role = l.oid
  union all
  select 'barrier', r.nspname, r.name, null, pg_get_viewdef(r.oid) from relations r
  where r.relkind = 'v' and has_any_column_privilege(l.oid, r.oid, 'select') and has_schema_privilege(l.oid, r.schema, 'usage')
    and not exists (select from pg_options_to_table(r.reloptions) o
                    where o.option_name in ('security_barrier', 'security_invoker') and lower(o.option_value) in ('true', 'on', 'yes', '1'))
    and not pg_has_role(l.oid, r.relowner, 'usage')
  union all
  select 'leakproof', f.nspname, f.name, null, null from leakproof f
  where has_function_privilege(l.oid, f.oid, 'execute') and has_schema_privilege(l.oid, f.schema, 'usage')
) w
order by l.name, w.way, w.place
