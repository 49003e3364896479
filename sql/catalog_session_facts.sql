-- Relations and functions of the schemas $1 that depend on facts that are no identity:
--   session: the session's application_name, its process, its address. By such a fact a policy can tell a harness from
--            everybody else, so what a probe saw proves nothing about others.
--   client:  what whoever asks decides for himself: the request's headers and cookies, user_metadata. Others may send
--            what a probe did not.
-- Followed through policies, views, the relations that both read, and functions that call each other (their bodies are
-- text: a function counts as called where its name stands before a parenthesis).
-- One row a relation, fact, command and list of roles (those of the relation's own policy; null where a view reads it):
-- where the fact is read ("policy web on docs"), and what it is. A function counts by its own body, by those of functions
-- that it calls, and by the relations that its body names; its row has its oid.
with recursive
facts (kind, fact, pattern) as (values
  ('session', 'application_name', '\mapplication_name\M'),
  ('session', 'the process of the session', '\m(pg_backend_pid|pg_stat_activity|pg_stat_get_\w+|pg_conf_load_time)\M'),
  ('session', 'the address of the client', '\minet_(client|server)_(addr|port)\M'),
  ('client', 'the headers of the request', '\mrequest\.(headers?|cookies?)\M'),
  ('client', 'user_metadata', '\m(user_metadata|raw_user_meta_data)\M')),
functions as (
  select p.oid, p.proname, format('function %I.%I', n.nspname, p.proname) as name,
    concat(p.prosrc, pg_get_function_sqlbody(p.oid)) as body,
    '\m' || regexp_replace(p.proname, '(\W)', '\\\1', 'g') || '"?\s*\(' as called
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_%'
    and p.prokind in ('f', 'p')
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')),
reading as (
  select f.oid, x.kind, x.fact from functions f join facts x on f.body ~* x.pattern
  union
  select caller.oid, r.kind, r.fact
  from reading r
  join functions f on f.oid = r.oid
  join functions caller on caller.oid <> f.oid and caller.body ~* f.called),
texts as (
  select p.polrelid as relation, p.polcmd as command, p.polroles as roles, format('policy %I on %s', p.polname, p.polrelid::regclass) as place,
    concat(pg_get_expr(p.polqual, p.polrelid), ' ', pg_get_expr(p.polwithcheck, p.polrelid)) as text
  from pg_policy p
  union all
  select c.oid, '*'::"char", null, format('view %s', c.oid::regclass), pg_get_viewdef(c.oid)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')),
own as (
  select t.relation, t.command, t.roles, t.place, x.kind, x.fact from texts t join facts x on t.text ~* x.pattern
  union
  select t.relation, t.command, t.roles, format('%s, through %s', t.place, f.name), r.kind, r.fact
  from texts t join functions f on t.text ~* f.called join reading r on r.oid = f.oid),
edges as (
  select p.polrelid as relation, p.polcmd as command, p.polroles as roles, d.refobjid as reads
  from pg_policy p
  join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_class'::regclass
  union
  select w.ev_class, '*'::"char", null, d.refobjid
  from pg_rewrite w
  join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass),
reaching as (
  select relation, command, roles, place, kind, fact from own
  union
  select e.relation, e.command, e.roles, r.place, r.kind, r.fact
  from reaching r join edges e on e.reads = r.relation and e.relation <> r.relation)
(select distinct on (n.nspname, c.relname, r.fact, r.command, r.roles)
  n.nspname as schema, c.relname as name, r.place, r.kind, r.fact,
  case r.command when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end as command,
  (select json_agg(case when role = 0 then 'public' else pg_get_userbyid(role) end) from unnest(r.roles) role) as roles,
  null as routine
from reaching r
join pg_class c on c.oid = r.relation
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any ($1::text[])
order by n.nspname, c.relname, r.fact, r.command, r.roles, length(r.place), r.place)
union all
(select distinct on (n.nspname, p.proname, p.oid, r.fact)
  n.nspname, p.proname, r.place, r.kind, r.fact, 'all', null, p.oid::text
from (
  select r.oid, f.name as place, r.kind, r.fact from reading r join functions f on f.oid = r.oid
  union all
  select f.oid, format('%s, through %s', f.name, r.place), r.kind, r.fact
  from reaching r
  join pg_class c on c.oid = r.relation
  join functions f on f.body ~* ('\m' || regexp_replace(c.relname, '(\W)', '\\\1', 'g') || '\M')) r
join pg_proc p on p.oid = r.oid
join pg_namespace n on n.oid = p.pronamespace
where n.nspname = any ($1::text[])
order by n.nspname, p.proname, p.oid, r.fact, length(r.place), r.place)
