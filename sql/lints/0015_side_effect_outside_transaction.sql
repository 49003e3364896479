-- What a rollback would not undo, if a write (or a call) reached it: session advisory locks, other databases, HTTP calls,
-- foreign tables, the server's files, other sessions, and the sequences that a trigger or a policy advances.
-- Followed from each relation and routine of the schemas: triggers, policies, defaults, checks and views, the routines
-- that these and each other call, the tables that routines write, foreign keys that cascade, and partitions.
-- What a stored expression (a policy's, a view's) calls is in pg_depend. Bodies of functions are searched as text, since PL/pgSQL
-- and quoted SQL keep them as text and may put them together when they run: a routine counts as called where its name comes before
-- a parenthesis, a table as written where its name comes after INSERT INTO and its like. Postgres's own functions are in no
-- pg_depend, so these (nextval) are searched in the text of an expression too. NOTIFY and net.http_… (pg_net queues its requests in a table) are undone.
-- A column's own sequence is left out: which of them advanced is seen when the run is over.
-- A match too many keeps a write from being sent to a shared target, and says so; one that is missed would send it.
-- One row a relation or routine, place where such a thing is reached, and what it is.
-- facts: isRoutine; place; reaches.
with recursive input (schemas, roles, sessions, logins) as (select $1::text[], $2::text[], $3::text[], $4::text[]),
facts (reaches, pattern) as (values
  ('a sequence', '\m(nextval|setval)\s*\('),
  ('a session advisory lock', '\mpg_(try_)?advisory_lock(_shared)?\s*\('),
  ('another database (dblink)', '\mdblink(_exec|_open|_fetch|_close|_send_query|_connect|_connect_u)?\s*\('),
  ('an HTTP call', '(?<!\mnet\.)(?<!\mnet"\.)\m(http|http_(get|post|put|patch|delete|head))\s*\('),
  ('another session', '\mpg_(terminate|cancel)_backend\s*\('),
  ('the server''s files or programs', '\mcopy\M[^;]*\m(to|from)\s+program\M|\mlo_export\s*\(|\mpg_file_(write|unlink|rename|sync)\s*\(')),
routines as (
  select p.oid, n.nspname as schema, p.proname, format('function %s.%s', n.nspname, p.proname) as name,
    concat(p.prosrc, pg_get_function_sqlbody(p.oid)) as body,
    '\m' || regexp_replace(p.proname, '(\W)', '\\\1', 'g') || '"?\s*\(' as called,
    case when not l.lanpltrusted and l.lanname not in ('internal', 'c') then l.lanname end as untrusted
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  join pg_language l on l.oid = p.prolang
  where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_%'
    and p.prokind in ('f', 'p')
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')),
relations as (
  select c.oid, n.nspname as schema, c.relname, c.relkind,
    '\m(insert\s+into|update|delete\s+from|merge\s+into|truncate(\s+table)?)\s+(only\s+)?("?'
      || regexp_replace(n.nspname, '(\W)', '\\\1', 'g') || '"?\s*\.\s*)?"?' || regexp_replace(c.relname, '(\W)', '\\\1', 'g') || '(?!\w)' as written
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_%'),
texts as (
  select p.polrelid as relation, format('policy %s', p.polname) as place, true as sequences,
    concat(pg_get_expr(p.polqual, p.polrelid), ' ', pg_get_expr(p.polwithcheck, p.polrelid)) as text
  from pg_policy p
  union all
  select d.adrelid, format('default of %s', a.attname), false, pg_get_expr(d.adbin, d.adrelid)
  from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
  union all
  select k.conrelid, format('constraint %s', k.conname), true, pg_get_constraintdef(k.oid)
  from pg_constraint k where k.contype = 'c' and k.conrelid <> 0
  union all
  select r.oid, 'its query', true, pg_get_viewdef(r.oid) from relations r where r.relkind in ('v', 'm')),
-- Names before a parenthesis are looked up in one go: each text beside each routine would take minutes where there are thousands.
called (id, name, text) as (
  select r.oid, lower(word[1]), r.body
  from routines r left join lateral regexp_matches(r.body, '\m(\w+)"?\s*\(', 'g') word on true),
written (id, schema, name) as (
  select r.oid, lower(word[1]), lower(word[2])
  from routines r
  cross join lateral regexp_matches(r.body,
    '\m(?:insert\s+into|update|delete\s+from|merge\s+into|truncate(?:\s+table)?)\s+(?:only\s+)?(?:"?(\w+)"?\s*\.\s*)?"?(\w+)', 'gi') word),
steps (kind, id, next_kind, next_id) as materialized (
  select 'relation', g.tgrelid, 'routine', g.tgfoid from pg_trigger g where not g.tgisinternal and g.tgenabled <> 'D'
  union
  select 'relation', e.relation, 'routine', coalesce(o.oprcode, d.refobjid)
  from (select 'pg_policy'::regclass as class, oid, polrelid as relation from pg_policy
        union all select 'pg_attrdef'::regclass, oid, adrelid from pg_attrdef
        union all select 'pg_constraint'::regclass, oid, conrelid from pg_constraint where contype = 'c' and conrelid <> 0
        union all select 'pg_rewrite'::regclass, oid, ev_class from pg_rewrite) e
  join pg_depend d on d.classid = e.class and d.objid = e.oid and d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass)
  left join pg_operator o on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
  union
  select 'routine', t.id, 'routine', f.oid from called t join routines f on t.name = lower(f.proname) and f.proname !~ '\W'
  union
  select 'routine', t.id, 'routine', f.oid from called t join routines f on f.proname ~ '\W' and t.text ~* f.called
  union
  select 'relation', w.ev_class, 'relation', d.refobjid
  from pg_rewrite w
  join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
  union
  select 'relation', i.inhparent, 'relation', i.inhrelid from pg_inherits i
  union
  select 'relation', k.confrelid, 'relation', k.conrelid from pg_constraint k
  where k.contype = 'f' and (k.confdeltype in ('c', 'n', 'd') or k.confupdtype in ('c', 'n', 'd'))
  union
  select 'routine', w.id, 'relation', c.oid
  from written w join relations c on w.name = lower(c.relname) and coalesce(w.schema, lower(c.schema)) = lower(c.schema)
  union
  select 'routine', r.oid, 'relation', c.oid
  from relations c join routines r on concat(c.schema, c.relname) ~ '\W' and strpos(lower(r.body), lower(c.relname)) > 0 and r.body ~* c.written),
reached (root, is_routine, kind, id) as (
  select oid, false, 'relation', oid from input join relations on schema = any (input.schemas)
  union all
  select oid, true, 'routine', oid from input join routines on schema = any (input.schemas)
  union
  select r.root, r.is_routine, s.next_kind, s.next_id from reached r join steps s on s.kind = r.kind and s.id = r.id),
surviving as (
  select r.root, r.is_routine, f.name as place, x.reaches
  from reached r
  join routines f on r.kind = 'routine' and f.oid = r.id
  join facts x on f.body ~* x.pattern
  union
  select r.root, r.is_routine, f.name, 'whatever its language reaches (' || f.untrusted || ')'
  from reached r
  join routines f on r.kind = 'routine' and f.oid = r.id
  where f.untrusted is not null
  union
  select r.root, r.is_routine, case when t.relation = r.root then t.place else t.place || ' of ' || c.schema || '.' || c.relname end, x.reaches
  from reached r
  join texts t on r.kind = 'relation' and t.relation = r.id
  join relations c on c.oid = t.relation
  join facts x on t.text ~* x.pattern and (t.sequences or x.reaches <> 'a sequence')
  union
  select r.root, r.is_routine, case when c.oid = r.root then 'the relation itself' else c.schema || '.' || c.relname end,
    'a foreign table (' || w.fdwname || ')'
  from reached r
  join relations c on r.kind = 'relation' and c.oid = r.id and c.relkind = 'f'
  join pg_foreign_table t on t.ftrelid = c.oid
  join pg_foreign_server s on s.oid = t.ftserver
  join pg_foreign_data_wrapper w on w.oid = s.srvfdw
  -- postgres_fdw rolls back what it wrote, and file_fdw writes nothing.
  where w.fdwname not in ('postgres_fdw', 'file_fdw'))
select 'side-effect-outside-transaction' as kind, coalesce(c.schema, f.schema)::text as schema, coalesce(c.relname, f.proname)::text as name,
       jsonb_build_object('isRoutine', s.is_routine, 'place', s.place, 'reaches', s.reaches) as facts
from surviving s
left join relations c on not s.is_routine and c.oid = s.root
left join routines f on s.is_routine and f.oid = s.root
order by 2, 3, s.is_routine, s.place, s.reaches
