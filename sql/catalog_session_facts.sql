-- Relations and functions of the schemas $1 that depend on facts that are no identity:
--   session: the session's application_name, its process, its address. By such a fact a policy can tell a harness from
--            everybody else, so what a probe saw proves nothing about others.
--            The same goes for what is otherwise at another hour, in another database, on a standby: the clock by itself or
--            against what is written out (a row's own expiry is the row's business).
--   client:  what whoever asks decides for himself: the request's headers and cookies, its method (HEAD shows what GET
--            would) and path (a relation is reached through /rpc/f and through what embeds it, too), user_metadata. Others
--            may send what a probe did not.
--   login:   what only a gateway sets: who logs in by himself is free to say it. Sought where $3: some persona does.
--            Such a session makes objects, temporary ones at least, and settings of its role.
--            A setting whose name is put together, or read off the list of all, may be the headers.
--   setting: a session setting (app.mode) that no persona of the run holds ($2, in lower case), and that nobody's login
--            brings along. Who logs in by himself can set it.
-- A trigger that refuses by such a fact counts, too.
--   stand-in: what rowgate installed in place of an extension (its version says so); a trigger that calls one counts, too, unless
--            the stand-in does what the extension does, or only has no effect outside of the database. Functions whose
--            bodies call one are $4 (src/catalog/catalog.ts).
-- `calls`: a function that reads it in its body is told of, too. Bodies have reasons of their own to draw lots or to ask how
-- long a statement may take; a policy has none.
-- Followed through policies, views, the relations that both read, and functions that call each other. What a policy or view calls,
-- by name or by an operator, is in pg_depend. The rest, but for stand-ins, is searched as text: bodies are stored so and may put together what they run,
-- and one pattern a fact then serves policies, views and bodies alike (a body calls what it names before a parenthesis). A match too many makes a cell inconclusive; one that is missed would let
-- a policy pass that knows the harness by such a fact.
-- One row a relation, fact, command and list of roles (those of the relation's own policy; null where a view reads it):
-- where the fact is read ("policy web on docs"), and what it is. A function counts by its own body, by those of functions
-- that it calls, and by the relations that its body names; its row has its oid.
with recursive
facts (kind, fact, pattern, calls) as (select facts.* from (select '(\m(now|clock_timestamp|statement_timestamp|transaction_timestamp)\s*\(\)|\m(current_date|current_timestamp|localtimestamp)\M)') c (clock), lateral (values
  ('session', 'application_name', '\mapplication_name\M', true),
  ('session', 'the process of the session', '\m(pg_backend_pid|pg_stat_activity|pg_stat_get_\w+|pg_conf_load_time)\M', true),
  ('session', 'the address of the client', '\minet_(client|server)_(addr|port)\M', true),
  ('session', 'chance', '\m(pg_catalog\.)?random(_normal)?\s*\(|\mtablesample\M', false),
  ('session', 'the statement and its transaction', '\m(current_query|txid_current\w*|pg_current_xact_id\w*)\s*\(|\m(pg_locks|pg_cursors|pg_prepared_statements)\M', false),
  ('session', 'the hour or the day', '\m(current_time|localtime)\M|' || clock || '\)?::time\s|\m(extract|date_part|to_char)\s*\([^()]*?(\mfrom\M|,)?\s*\(*' || clock || '\s*(\)|,|::|at\s+time\s+zone)', false),
  ('session', 'the time, against what is written out', clock || '\)?(::[\w ]+?)?\)?\s*[<>=]+\s*\(?(date\s*|timestamp\s*|timestamptz\s*)?''|''[^'']*\d{4}-\d\d?-\d[^'']*''(::[\w ]+?)?\)?\s*[<>=]+\s*\(?' || clock, true),
  ('session', 'which database it is in', '\mcurrent_(database|catalog)\M|\mpg_is_in_recovery\M', false),
  ('client', 'the headers of the request', '\mrequest\.(headers?|cookies?)\M', true),
  ('client', 'the method of the request', '[''$]request\.method\M', true),
  ('client', 'the path of the request', '[''$]request\.path\M', true),
  ('client', 'user_metadata', '\m(user_metadata|raw_user_meta_data)\M', true),
  ('login', 'what a gateway says of a request', '[''$]request\.\w', true),
  ('login', 'which objects there are', '\m(to_reg\w+|pg_class|pg_tables|pg_views|pg_namespace|pg_type|pg_proc|pg_largeobject\w*|pg_db_role_setting|pg_listening_channels|pg_my_temp_schema)\M|\minformation_schema\.', false),
  ('client', 'settings by their list', '\mpg_(show_all_)?settings\M', true),
  ('client', 'a setting by a name that is made up', '\mcurrent_setting\s*\(\s*(?!''[^'']*''(::\w+)?\s*[,)])\S', true)) facts),
-- Settings that are somebody's identity, or the same in every session.
known (name) as (
  select unnest($2::text[])
  union select lower(split_part(one, '=', 1))
        from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) one
        where (s.setdatabase = 0 or d.datname = current_database())
          -- A limit, or where the server is, says who the harness is, whatever a role's own is.
          and one ~ '^[^=]*[.]'
  union select lower(name) from pg_settings where name like '%.%'
  union select unnest('{role,session_authorization,is_superuser,search_path,server_version,server_version_num,server_encoding,block_size,timezone,application_name}'::text[])),
functions as (
  select p.oid, p.proname, format('function %I.%I', n.nspname, p.proname) as name,
    case p.prokind when 'a' then (select concat_ws(' ', a.aggtransfn || '()', a.aggfinalfn || '()', a.aggmtransfn || '()', a.aggmfinalfn || '()')
                                  from pg_aggregate a where a.aggfnoid = p.oid)
         else concat(p.prosrc, pg_get_function_sqlbody(p.oid), ' ', pg_get_expr(p.proargdefaults, 0)) end as body,
    -- Its owner reads tables past their policies, unless they are forced on him.
    p.prosecdef as definer, p.proowner as owner, (r.rolsuper or r.rolbypassrls) as bypasses,
    pg_get_expr(p.proargdefaults, 0) as defaults, p.proconfig::text as settings,
    '\m' || regexp_replace(p.proname, '(\W)', '\\\1', 'g') || '"?\s*\(' as called
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  join pg_roles r on r.oid = p.proowner
  where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_%'
    and p.prokind in ('f', 'p', 'a')
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')),
stand_ins as (
  select d.classid, d.objid as oid, e.extversion as version, format('the stand-in for extension %s', e.extname) as fact
  from pg_extension e
  join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e'
  left join pg_proc p on d.classid = 'pg_proc'::regclass and p.oid = d.objid and p.prokind = 'f'
  left join pg_operator o on d.classid = 'pg_operator'::regclass and o.oid = d.objid and o.oprname not in ('=', '<>', '+', '-', '*')
  where e.extversion in ('stand-in', 'stand-in-effects') and coalesce(p.oid, o.oid) is not null),
bodies as (
  select c.oid::oid as oid, 'stand-in' as kind, format('the stand-in for extension %s', c.extension) as fact, true as calls
  from jsonb_to_recordset($4) as c (oid text, extension text)
  union
  select f.oid, x.kind, x.fact, x.calls from functions f join facts x on f.body ~* x.pattern and (x.kind <> 'login' or $3)
  union
  -- A text is read as a time when the body casts it: a call that leaves the argument out passes on the hour.
  select oid, 'session', 'the time, by a default of an argument', false from functions
  where defaults ~* '''(now|today|tomorrow|yesterday|allballs)'''
  union
  select f.oid, x.kind, x.fact, x.kind = 'setting' from functions f cross join lateral (
    select case when m[1] like '%.%' then 'setting' else 'session' end, 'the setting ' || m[1]
    from regexp_matches(f.body, $re$\mcurrent_setting\s*\(\s*'([^']+)'$re$, 'gi') m
    where lower(m[1]) not like 'request.%' and lower(m[1]) not in (select name from known)) x (kind, fact)),
reading as (
  select oid, kind, fact, calls from bodies
  union
  select caller.oid, r.kind, r.fact, r.calls
  from reading r
  join functions f on f.oid = r.oid
  join functions caller on caller.oid <> f.oid and caller.body ~* f.called),
texts as (
  select 'pg_policy'::regclass as class, p.oid as object, p.polrelid as relation, p.polcmd as command, p.polroles as roles, format('policy %I on %s', p.polname, p.polrelid::regclass) as place,
    concat(pg_get_expr(p.polqual, p.polrelid), ' ', pg_get_expr(p.polwithcheck, p.polrelid)) as text
  from pg_policy p
  union all
  select 'pg_rewrite'::regclass, w.oid, c.oid, '*'::"char", null, format('view %s', c.oid::regclass), pg_get_viewdef(c.oid)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_rewrite w on w.ev_class = c.oid and w.rulename = '_RETURN'
  where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')),
calling as (
  select t.relation, t.command, t.roles, t.place, f.oid as routine
  from texts t
  join pg_depend d on d.classid = t.class and d.objid = t.object and d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass)
  left join pg_operator o on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
  join functions f on f.oid = coalesce(o.oprcode, d.refobjid)),
own as (
  select t.relation, t.command, t.roles, t.place, x.kind, x.fact from texts t join facts x on t.text ~* x.pattern and (x.kind <> 'login' or $3)
  union
  select t.relation, t.command, t.roles, t.place, case when m[1] like '%.%' then 'setting' else 'session' end, 'the setting ' || m[1]
  from texts t cross join lateral regexp_matches(t.text, $re$\mcurrent_setting\s*\(\s*'([^']+)'$re$, 'gi') m
  where lower(m[1]) not like 'request.%' and lower(m[1]) not in (select name from known)
  union
  select t.relation, t.command, t.roles, t.place, 'stand-in', s.fact
  from texts t
  join pg_depend d on d.classid = t.class and d.objid = t.object
  join stand_ins s on s.classid = d.refclassid and s.oid = d.refobjid
  union
  select c.relation, c.command, c.roles, format('%s, through %s', c.place, f.name), r.kind, r.fact
  from calling c
  join functions f on f.oid = c.routine
  join reading r on r.oid = f.oid),
fired as (
  select t.tgrelid as relation, x.command::"char" as command, null::oid[] as roles,
    format('trigger %I on %s', t.tgname, t.tgrelid::regclass) as place, r.kind, r.fact
  from pg_trigger t
  join reading r on r.oid = t.tgfoid
  join functions f on f.oid = t.tgfoid
  cross join lateral (values (4, 'a'), (8, 'd'), (16, 'w')) as x (bit, command)
  where not t.tgisinternal and t.tgtype & x.bit <> 0
    and case when r.kind = 'stand-in' then exists (select from stand_ins s where s.fact = r.fact and s.version = 'stand-in')
             -- It refuses, and by what it reads it may let through. What a trigger merely notes down is nothing to ask about.
             else r.calls and t.tgtype & 66 <> 0 and f.body ~* '\mraise\s+(exception\M|''|sqlstate\M|using\M|\w+_\w+)' end),
edges as (
  select p.polrelid as relation, p.polcmd as command, p.polroles as roles, d.refobjid as reads, false as writes
  from pg_policy p
  join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_class'::regclass
  union
  select w.ev_class, '*'::"char", null, d.refobjid, true
  from pg_rewrite w
  join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass),
-- What reads what: a policy or a view a relation, a body a relation that it names, a policy or a view a function, a body a function.
reaching as (
  select relation, null::oid as routine, command, roles, place, kind, fact, false as fired from own
  union
  select relation, null, command, roles, place, kind, fact, true from fired
  union
  select next.relation, next.routine, next.command, next.roles, r.place, r.kind, r.fact, r.fired
  from reaching r
  cross join lateral (
    -- What is read fires no trigger; what is written through a view does.
    select e.relation, null::oid as routine, case when r.fired then r.command else e.command end as command, e.roles
    from edges e where e.reads = r.relation and e.relation <> r.relation and (e.writes or not r.fired)
    union all
    select null, f.oid, '*', null
    from pg_class c join functions f on f.body ~* ('\m' || regexp_replace(c.relname, '(\W)', '\\\1', 'g') || '\M')
    where c.oid = r.relation and not r.fired
      and not (c.relkind in ('r', 'p') and f.definer and (f.bypasses or f.owner = c.relowner and not c.relforcerowsecurity))
    union all
    select null, caller.oid, '*', null
    from functions f join functions caller on caller.oid <> f.oid and caller.body ~* f.called where f.oid = r.routine
    union all
    select c.relation, null, c.command, c.roles from calling c where c.routine = r.routine) next)
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
  select r.oid, f.name as place, r.kind, r.fact from reading r join functions f on f.oid = r.oid where r.calls
  union all
  select f.oid, format('%s, through %s', f.name, r.place), r.kind, r.fact
  from reaching r
  join functions f on f.oid = r.routine) r
join pg_proc p on p.oid = r.oid
join pg_namespace n on n.oid = p.pronamespace
where n.nspname = any ($1::text[])
order by n.nspname, p.proname, p.oid, r.fact, length(r.place), r.place)
