-- Functions of the database's own that call themselves IMMUTABLE. The planner may evaluate one ahead of time and put its
-- answer into the plan; where such a function reads who asks, the plan of one persona answers for another.
-- C and internal functions read no claims. Everything else counts, whatever its body says: it may call something that does.
-- Of an extension they count once anything may use it: an object that depends on one of its members, a routine whose body
-- has the name of a function of its own, or an operator, a cast or a domain, which a body can use without a name.
-- Bodies are searched as text, since PL/pgSQL and quoted SQL are stored so and may put statements together when they run.
-- facts: signature; readsSetting (its body reads a setting: Postgres may keep its first answer for the next identity).
with input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[]),
members as (
  select refobjid as extension, classid, objid from pg_depend where refclassid = 'pg_extension'::regclass and deptype = 'e'),
functions as (
  select p.oid, n.nspname as schema, p.proname, p.provolatile, l.lanname, concat(p.prosrc, pg_get_function_sqlbody(p.oid)) as body, m.extension
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  join pg_language l on l.oid = p.prolang
  left join members m on m.classid = 'pg_proc'::regclass and m.objid = p.oid
  where n.nspname not in ('pg_catalog', 'information_schema') and l.lanname not in ('c', 'internal')),
used as (
  select extension from members m
  where m.classid in ('pg_operator'::regclass, 'pg_cast'::regclass)
    or m.classid = 'pg_type'::regclass and exists (select from pg_type t where t.oid = m.objid and t.typtype = 'd')
  union
  select m.extension
  from members m
  join pg_depend d on d.refclassid = m.classid and d.refobjid = m.objid and d.deptype in ('n', 'a')
  where not exists (
    -- Its own members depend on each other, and so do what belongs to these: a view's rule, a table's row type.
    select from pg_depend own
    left join members other on other.classid = own.refclassid and other.objid = own.refobjid
    where own.classid = d.classid and own.objid = d.objid and own.deptype in ('e', 'i')
      and (other.extension = m.extension or own.refclassid = 'pg_extension'::regclass and own.refobjid = m.extension))
  union
  select f.extension
  from functions f
  join functions caller on caller.extension is distinct from f.extension
    and strpos(lower(caller.body), lower(f.proname)) > 0
  where f.extension is not null and f.provolatile = 'i')
select 'immutable-reads-setting' as kind, schema::text, proname::text as name,
       jsonb_build_object(
         'signature', format('%I.%I(%s)', schema, proname, pg_get_function_identity_arguments(oid)),
         'readsSetting', body ~* '\mcurrent_setting\s*\(|\mauth\.(uid|role|jwt|email)\s*\(') as facts
from functions
where provolatile = 'i' and (extension is null or extension in (select extension from used))
order by 2, 3, oid
