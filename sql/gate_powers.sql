-- What each role ($1) could hand on, change or become by itself, whatever rows it reaches: a sentence each, after the role's name.
-- $2: relations whose rows are compared, so that their privileges are no news here.
-- `ofKnown`: only of an object that was there before (what is new comes with default privileges). Besides: `known` objects, and
-- settings that reach a session only when it begins, of which a transaction shows nothing (no role).
with roles as (select r.* from pg_roles r where r.rolname = any ($1) and not r.rolsuper),
own as (select oid, nspname from pg_namespace where nspname not in ('pg_catalog', 'information_schema') and nspname !~ '^pg_(toast|temp)'),
relations as (select c.*, own.nspname, c.oid::regclass::text as name from pg_class c join own on own.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')),
functions as (select p.*, p.oid::regprocedure::text as name from pg_proc p join own on own.oid = p.pronamespace),
acls as (
  select c.oid, c.relacl as acl, c.name, c.relowner as owner from relations c
  union all select c.oid, a.attacl, format('a column of %s', c.name), c.relowner from relations c join pg_attribute a on a.attrelid = c.oid
  union all select p.oid, p.proacl, p.name, p.proowner from functions p
  union all select n.oid, n.nspacl, format('schema %I', n.nspname), n.nspowner from pg_namespace n
)
select r.rolname as role, format('is a member of %I', m.rolname) as power, null as object, false as "ofKnown"
from roles r join pg_roles m on m.oid <> r.oid and pg_has_role(r.oid, m.oid, 'MEMBER')
union all
select r.rolname, format('may make others members of %I', m.rolname), null, false
from roles r join pg_roles m on m.oid <> r.oid and pg_has_role(r.oid, m.oid, 'MEMBER WITH ADMIN OPTION')
union all
select r.rolname, a.power, null, false
from roles r cross join lateral (values (r.rolcreaterole, 'may create roles'), (r.rolreplication, 'may read all changes (REPLICATION)'),
  (r.rolcreatedb, 'may create databases'), (r.rolbypassrls, 'bypasses row-level security')) a (has, power) where a.has
union all
select r.rolname, format('owns %s', o.name), null, false
from roles r join (select relowner as owner, name from relations union all select proowner, name from functions
  union all select nspowner, format('schema %I', nspname) from pg_namespace) o on o.owner = r.oid
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
select r.rolname, format('has %s on %s', p.privilege, c.name), c.oid::text, true
from roles r join relations c on has_schema_privilege(r.oid, c.relnamespace, 'usage') and c.oid <> all ($2::oid[])
cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate']) p (privilege)
where c.relkind <> 'S' and has_table_privilege(r.oid, c.oid, p.privilege)
union all
select r.rolname, format('may call %s', p.oid::regprocedure), null, false
from pg_proc p cross join lateral aclexplode(p.proacl) x join roles r on x.grantee in (0, r.oid)
where p.pronamespace = 'pg_catalog'::regnamespace and p.proacl is not null
union all
select r.rolname, format('may %s the parameter %s', x.privilege_type, p.parname), null, false
from pg_parameter_acl p cross join lateral aclexplode(p.paracl) x join roles r on x.grantee in (0, r.oid)
union all
select r.rolname, format('may use the foreign server %I', s.srvname), null, false
from pg_foreign_server s cross join lateral aclexplode(s.srvacl) x join roles r on x.grantee in (0, r.oid)
union all
select null, format('%s runs with its owner''s rights and looks names up by its caller''s search_path', p.name), p.oid::text, true
from functions p where p.prosecdef and not exists (select from unnest(p.proconfig) c where c ~ '^search_path=')
union all
select null, format('each new session of %s begins with %s', coalesce(r.rolname, 'the database'), c), null, false
from pg_db_role_setting s join pg_database d on d.datname = current_database() and s.setdatabase in (0, d.oid)
left join pg_roles r on r.oid = s.setrole cross join unnest(s.setconfig) c
where ((s.setrole = 0 or r.rolname = 'authenticator' or (r.rolname = any ($1) and r.rolcanlogin))
       and c ~ '^([^=]*\.|role=|search_path=|row_security=|session_)' and c !~ '^pgrst\.')
   or c ~ '^pgrst\.(jwt_|db_anon_role|db_pre_request|db_root_spec|db_pre_config|db_tx_end)'
union all
select null, null, oid::text, false from relations
union all
select null, null, oid::text, false from functions
