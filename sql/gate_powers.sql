-- What each role ($1) could hand on, change or become by itself, whatever rows it reaches: a sentence each, after the role's name.
-- $2: relations whose rows are compared, so that their privileges are no news here. $3: exposed schemas.
-- `ofKnown`: only of an object that was there before (what is new comes with default privileges). Besides: known objects (no power)
-- by name, and settings that reach a session only when it begins, of which a transaction shows nothing (no role).
with roles as (select r.* from pg_roles r where r.rolname = any ($1) and not r.rolsuper),
own as (select oid, nspname from pg_namespace where nspname not in ('pg_catalog', 'information_schema') and nspname !~ '^pg_(toast|temp)'),
relations as (select c.*, own.nspname, c.oid::regclass::text as name from pg_class c join own on own.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')),
functions as (select p.*, p.oid::regprocedure::text as name from pg_proc p join own on own.oid = p.pronamespace),
members as (select classid as class, objid as object, refobjid as extension from pg_depend where refclassid = 'pg_extension'::regclass and deptype = 'e'),
acls as (
  select c.oid, c.relacl as acl, c.name, c.relowner as owner from relations c
  union all select c.oid, a.attacl, format('a column of %s', c.name), c.relowner from relations c join pg_attribute a on a.attrelid = c.oid
  union all select p.oid, p.proacl, p.name, p.proowner from functions p
  union all select n.oid, n.nspacl, format('schema %I', n.nspname), n.nspowner from pg_namespace n
)
select r.rolname as role, format('is a member of %I', m.rolname) as power, null as object, false as "ofKnown"
from pg_roles r join pg_roles m on m.oid <> r.oid and pg_has_role(r.oid, m.oid, 'MEMBER')
where not r.rolsuper and r.rolname in (select rolname from roles union select 'authenticator')
union all
select r.rolname, format('may make others members of %I', m.rolname), null, false
from roles r join pg_roles m on m.oid <> r.oid and pg_has_role(r.oid, m.oid, 'MEMBER WITH ADMIN OPTION')
union all
select r.rolname, a.power, null, false
from roles r cross join lateral (values (r.rolcreaterole, 'may create roles'), (r.rolreplication, 'may read all changes (REPLICATION)'),
  (r.rolcreatedb, 'may create databases'), (r.rolbypassrls, 'bypasses row-level security')) a (has, power) where a.has
union all
-- Of the gateway's login, which becomes the role that a token names.
select r.rolname, a.power, null, false
from pg_roles r cross join lateral (values (r.rolsuper, 'is a superuser'), (r.rolcreaterole, 'may create roles'), (r.rolreplication, 'may read all changes (REPLICATION)')) a (has, power)
where r.rolname = 'authenticator' and a.has and r.rolname <> all ($1)
union all
select r.rolname, format('owns %s', o.name), null, false
from roles r join (select relowner as owner, name from relations union all select proowner, name from functions
  union all select nspowner, format('schema %I', nspname) from pg_namespace) o on o.owner = r.oid
union all
-- The owner of a type may give its values other names; of an operator, a publication, a server, a database likewise.
select r.rolname, format('owns the %s', pg_describe_object(d.classid, d.objid, 0)), null, false
from roles r join pg_shdepend d on d.refclassid = 'pg_authid'::regclass and d.refobjid = r.oid and d.deptype = 'o'
  and d.dbid in (0, (select oid from pg_database where datname = current_database()))
where d.classid <> all (array['pg_class', 'pg_proc', 'pg_namespace', 'pg_largeobject']::regclass[])
union all
select r.rolname, format('may create objects in schema %I', own.nspname), null, false from roles r join own on has_schema_privilege(r.oid, own.oid, 'create')
union all
select r.rolname, 'may create schemas', null, false from roles r where has_database_privilege(r.oid, current_database(), 'create')
union all
select r.rolname, format('may grant %s on %s to others', x.privilege_type, a.name), null, false
from acls a cross join lateral aclexplode(a.acl) x join roles r on r.oid = x.grantee
where x.is_grantable and a.owner <> r.oid
union all
select r.rolname, format('has %s on %s', p.privilege, c.name), c.oid::text, true
from roles r cross join relations c cross join unnest(array['trigger', 'references']) p (privilege)
where c.relkind <> 'S' and has_table_privilege(r.oid, c.oid, p.privilege)
union all
select r.rolname, format('has references on columns of %s', c.name), c.oid::text, true
from roles r join relations c on c.relkind <> 'S' and has_any_column_privilege(r.oid, c.oid, 'references')
where not has_table_privilege(r.oid, c.oid, 'references')
union all
-- Postgres 17 and later: VACUUM, REINDEX, CLUSTER, LOCK TABLE.
select r.rolname, format('has maintain on %s', c.name), c.oid::text, true
from roles r join relations c on c.relkind <> 'S' cross join lateral aclexplode(c.relacl) x
where x.privilege_type = 'MAINTAIN' and case when x.grantee = 0 then true else pg_has_role(r.oid, x.grantee, 'usage') end
union all
select r.rolname, format('has %s on %s', p.privilege, c.name), c.oid::text, true
from roles r join relations c on has_schema_privilege(r.oid, c.relnamespace, 'usage') and c.oid <> all ($2::oid[])
cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate']) p (privilege)
where c.relkind <> 'S' and has_table_privilege(r.oid, c.oid, p.privilege)
union all
select r.rolname, format('has %s on the column %s.%I', p.privilege, c.name, a.attname), c.oid::text, true
from roles r join relations c on c.relkind <> 'S' and has_schema_privilege(r.oid, c.relnamespace, 'usage') and c.oid <> all ($2::oid[])
join pg_attribute a on a.attrelid = c.oid and a.attacl is not null and not a.attisdropped
cross join unnest(array['select', 'insert', 'update']) p (privilege)
where has_column_privilege(r.oid, c.oid, a.attnum, p.privilege) and not has_table_privilege(r.oid, c.oid, p.privilege)
union all
-- Postgres's own tables: samples of all columns, passwords, large objects.
select coalesce(r.rolname, 'any role'), format('has %s on %s of %s', lower(x.privilege_type), s.part, s.name), null, false
from (
  select c.oid::regclass::text as name, 'all' as part, c.relacl as acl from pg_class c where c.relnamespace = 'pg_catalog'::regnamespace and c.relacl is not null
  union all
  select a.attrelid::regclass::text, quote_ident(a.attname), a.attacl from pg_attribute a join pg_class c on c.oid = a.attrelid
  where c.relnamespace = 'pg_catalog'::regnamespace and a.attacl is not null) s
cross join lateral aclexplode(s.acl) x left join roles r on r.oid = x.grantee
where x.grantee = 0 or r.oid is not null
union all
-- Columns whose values the database alone made before: identities (GENERATED ALWAYS), and generated columns.
select r.rolname, format('may choose the values of %s.%I, which was GENERATED ALWAYS', c.name, a.attname), format('%s.%s', c.oid, a.attnum), true
from roles r cross join relations c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p') and a.attidentity <> 'a' and a.attgenerated = ''
  and (has_column_privilege(r.oid, c.oid, a.attnum, 'insert') or has_column_privilege(r.oid, c.oid, a.attnum, 'update'))
union all
-- Sequences: of those that are new, what default privileges do not give, and USAGE where no row could be inserted with it.
select r.rolname, format('has %s on the sequence %s', p.privilege, c.name), c.oid::text, d.given
from roles r join relations c on c.relkind = 'S' and has_schema_privilege(r.oid, c.relnamespace, 'usage')
cross join unnest(array['usage', 'select', 'update']) p (privilege)
cross join lateral (select exists (
  select from pg_default_acl a cross join aclexplode(a.defaclacl) x
  where a.defaclobjtype = 'S' and a.defaclrole = c.relowner and a.defaclnamespace in (0, c.relnamespace)
    and x.grantee in (0, r.oid) and lower(x.privilege_type) = p.privilege) as given) d
where has_sequence_privilege(r.oid, c.oid, p.privilege)
  and not (p.privilege = 'usage' and exists (
    select from pg_depend o where o.classid = 'pg_class'::regclass and o.objid = c.oid and o.refclassid = 'pg_class'::regclass
      and o.deptype in ('a', 'i') and has_any_column_privilege(r.oid, o.refobjid, 'insert')))
union all
-- Objects to come that no table or function shows.
select coalesce(r.rolname, 'any role'), format('will hold %s on each %s that %s creates%s', x.privilege_type,
    case d.defaclobjtype when 'r' then 'table' when 'S' then 'sequence' when 'f' then 'function' when 'T' then 'type' when 'n' then 'schema' else 'large object' end,
    d.defaclrole::regrole, coalesce(' in ' || n.nspname, '')), null, false
from pg_default_acl d cross join aclexplode(d.defaclacl) x left join pg_namespace n on n.oid = d.defaclnamespace
left join roles r on r.oid = x.grantee
where (x.grantee = 0 or r.oid is not null) and x.grantee <> d.defaclrole
  and not (x.grantee = 0 and d.defaclobjtype in ('f', 'T') and d.defaclnamespace = 0)
  and (d.defaclobjtype not in ('r', 'f') or (d.defaclnamespace <> 0 and n.nspname <> all ($3::text[])))
union all
select coalesce(r.rolname, 'any role'), format('may %s the large object %s', x.privilege_type, l.oid), null, false
from pg_largeobject_metadata l cross join aclexplode(l.lomacl) x left join roles r on r.oid = x.grantee
where (x.grantee = 0 or r.oid is not null) and x.grantee <> l.lomowner
union all
select r.rolname, format('owns the large object %s', l.oid), null, false from pg_largeobject_metadata l join roles r on r.oid = l.lomowner
union all
-- No call of a matrix reaches them.
select r.rolname, format('may call the %s %s', case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'window function' end, p.name), null, false
from roles r join functions p on p.prokind <> 'f' and has_schema_privilege(r.oid, p.pronamespace, 'usage') and has_function_privilege(r.oid, p.oid, 'execute')
where not exists (select from pg_depend x where x.classid = 'pg_proc'::regclass and x.objid = p.oid and x.deptype = 'e')
union all
-- Past policies without a row that shows it.
select null, format('%s is LEAKPROOF: it is called with rows before policies and security barriers have filtered them', p.name), null, false
from functions p where p.proleakproof
union all
select null, format('%s functions of Postgres itself are LEAKPROOF (%s): they are called with rows before policies have filtered them', count(*), md5(string_agg(p.oid::text, ' ' order by p.oid))), null, false
from pg_proc p where p.proleakproof and p.pronamespace = 'pg_catalog'::regnamespace having count(*) > 0
union all
select null, format('%s has no security_barrier: functions of a query see rows that it filters out', c.name), c.oid::text, true
from relations c where c.relkind = 'v'
  and not exists (select from unnest(c.reloptions) o where o ~* '^security_barrier=(true|on|yes|1)$')
union all
-- Realtime asks the SELECT policies for each subscriber (sql/gate_published.sql); others who read a publication ask none.
select null, case when p.pubname <> 'supabase_realtime'
    then format('changes of %s are published by %s: subscribers may see rows, and keys of deleted rows, that policies hide', c.name, p.pubname)
    else format('changes of %s are published by %s, and no row-level security hides any of them', c.name, p.pubname) end, c.oid::text, false
from pg_publication_tables p join relations c on c.nspname = p.schemaname and c.relname = p.tablename
where p.pubname <> 'supabase_realtime' or not c.relrowsecurity
union all
select null, format('all changes are published by %s, of tables to come too', pubname), null, false from pg_publication where puballtables
union all
select null, format('changes of tables to come in %s are published by %s', s.pnnspid::regnamespace, p.pubname), null, false
from pg_publication_namespace s join pg_publication p on p.oid = s.pnpubid
union all
select null, format('the old row of each change of %s is published whole (REPLICA IDENTITY FULL)', c.name), c.oid::text, false
from relations c where c.relreplident = 'f'
  and exists (select from pg_publication_tables p where p.schemaname = c.nspname and p.tablename = c.relname)
union all
-- Of an extension that any owner of the database may create (trusted), functions run with their caller's rights, unless they say otherwise.
select null, format('the extension %s is installed in %s: what its functions do was not compared', e.extname, n.nspname), null, false
from pg_extension e join pg_namespace n on n.oid = e.extnamespace
cross join lateral (select e.extname in ('vector', 'earthdistance', 'moddatetime') or exists (
  select from pg_available_extension_versions v where v.name = e.extname and v.version = e.extversion and v.trusted) as trusted) t
where e.extname <> 'plpgsql' and (
  (e.extversion in ('stand-in', 'stand-in-effects') and not trusted)
  or exists (select from members m join pg_proc p on m.class = 'pg_proc'::regclass and p.oid = m.object where m.extension = e.oid
    and (p.prosecdef or not trusted and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
      and exists (select from roles r where has_schema_privilege(r.oid, p.pronamespace, 'usage') and has_function_privilege(r.oid, p.oid, 'execute'))))
  or exists (select from members m where m.extension = e.oid and (m.class = 'pg_event_trigger'::regclass or not trusted and m.class = 'pg_cast'::regclass)))
union all
-- What was put into an extension, or changed in it, afterwards: nothing else reads its functions.
select null, format('the extension %s has other functions than before (%s)', e.extname, left(md5(string_agg(
    concat_ws(' ', p.proname, p.proargtypes, p.proowner, p.prosecdef, p.proconfig, p.prosrc, p.probin), ',' order by p.oid)), 8)), e.oid::text, true
from pg_extension e join members m on m.extension = e.oid join pg_proc p on m.class = 'pg_proc'::regclass and p.oid = m.object
group by e.oid, e.extname
union all
select null, format('rows of the foreign table %s are another server''s (%s): they were not compared', c.name, s.srvname), null, false
from relations c join pg_foreign_table f on f.ftrelid = c.oid join pg_foreign_server s on s.oid = f.ftserver
union all
-- Options may hold a password: a mark of them, and no text.
select null, format('what the foreign server %I reaches is new or changed (%s)', s.srvname, left(md5(concat_ws(' ', s.srvoptions,
  (select string_agg(concat_ws(' ', m.umuser, m.umoptions), ',' order by m.umuser) from pg_user_mappings m where m.srvid = s.oid))), 8)), null, false
from pg_foreign_server s
union all
select null, format('a cast from %s to %s runs %s', format_type(k.castsource, null), format_type(k.casttarget, null), k.castfunc::regprocedure), null, false
from pg_cast k where k.oid >= 16384 and k.castcontext <> 'e' and k.castfunc <> 0
  and not exists (select from pg_depend x where x.classid = 'pg_cast'::regclass and x.objid = k.oid and x.deptype = 'e')
union all
select r.rolname, format('may call %s', p.oid::regprocedure), null, false
from pg_proc p cross join lateral aclexplode(p.proacl) x join roles r on x.grantee in (0, r.oid)
where p.pronamespace = 'pg_catalog'::regnamespace and p.proacl is not null
union all
-- Foreign keys write past privileges and policies, of a table that was there.
select r.rolname, format('%s rows of %s with rows of %s (ON %s), whatever its policies say', x.does, c.name, p.name, x.event), c.oid::text, true
from roles r join pg_constraint k on k.contype = 'f' join relations c on c.oid = k.conrelid join relations p on p.oid = k.confrelid
cross join lateral (
  select case k.confdeltype when 'c' then 'deletes' else 'changes' end as does, 'DELETE' as event
  where k.confdeltype in ('c', 'n', 'd') and has_table_privilege(r.oid, p.oid, 'delete')
  union all
  select 'changes', 'UPDATE'
  where k.confupdtype in ('c', 'n', 'd') and exists (select from unnest(k.confkey) a where has_column_privilege(r.oid, p.oid, a, 'update'))) x
where not r.rolbypassrls
union all
-- In exposed schemas they are declared, or findings.
select r.rolname, format('may call %s, which runs with its owner''s rights', p.name), p.oid::text, true
from roles r join functions p on p.prosecdef and p.prokind = 'f' and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
  and has_schema_privilege(r.oid, p.pronamespace, 'usage') and has_function_privilege(r.oid, p.oid, 'execute')
join pg_namespace n on n.oid = p.pronamespace and n.nspname <> all ($3::text[])
union all
select r.rolname, format('may %s the parameter %s', x.privilege_type, p.parname), null, false
from pg_parameter_acl p cross join lateral aclexplode(p.paracl) x join roles r on x.grantee in (0, r.oid)
union all
select r.rolname, format('may use the foreign server %I', s.srvname), null, false
from pg_foreign_server s cross join lateral aclexplode(s.srvacl) x join roles r on x.grantee in (0, r.oid)
union all
select r.rolname, format('may make servers of the foreign-data wrapper %I', w.fdwname), null, false
from pg_foreign_data_wrapper w cross join lateral aclexplode(w.fdwacl) x join roles r on x.grantee in (0, r.oid)
union all
select null, format('who may create functions may write them in %I', l.lanname), null, false
from pg_language l where l.lanpltrusted
  and not exists (select from pg_depend x where x.classid = 'pg_language'::regclass and x.objid = l.oid and x.deptype = 'e')
union all
select null, format('%s runs with its owner''s rights and looks names up by its caller''s search_path', p.name), p.oid::text, true
from functions p where p.prosecdef and not exists (select from unnest(p.proconfig) c where c ~ '^search_path=')
union all
select null, format('%s runs with its owner''s rights (SECURITY DEFINER)', p.name), p.oid::text, true from functions p where p.prosecdef
union all
select null, format('%s begins with %s', case when r.rolname = any ($1) and not r.rolcanlogin and r.rolname <> 'authenticator'
    then format('a request as %s perhaps', r.rolname) else format('each new session of %s', coalesce(r.rolname, 'the database')) end, c), null, false
from pg_db_role_setting s join pg_database d on d.datname = current_database() and s.setdatabase in (0, d.oid)
left join pg_roles r on r.oid = s.setrole cross join unnest(s.setconfig) c
where ((s.setrole = 0 or r.rolname = 'authenticator' or r.rolname = any ($1)) and c !~ '^pgrst\.'
       and c !~ '^(statement_timeout|lock_timeout|transaction_timeout|idle_\w+|work_mem|maintenance_work_mem|temp_\w+|effective_\w+|random_page_cost|seq_page_cost|cpu_\w+|max_parallel_\w+|min_parallel_\w+|parallel_\w+|enable_\w+|jit\w*|log_\w+|client_min_messages|application_name|deadlock_timeout|tcp_\w+|track_\w+|auto_explain\.\w+|geqo\w*|hash_mem_multiplier)=')
   or c ~ '^pgrst\.(jwt_|db_anon_role|db_pre_request|db_root_spec|db_pre_config|db_tx_end)'
union all
select name, null, oid::text, false from relations
union all
select format('%s.%I', c.name, a.attname), null, format('%s.%s', c.oid, a.attnum), false
from relations c join pg_attribute a on a.attrelid = c.oid where a.attidentity = 'a' or a.attgenerated <> ''
union all
select name, null, oid::text, false from functions
union all
select extname, null, oid::text, false from pg_extension
