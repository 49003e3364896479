-- What rowgate installed in place of extensions (their version says so), as bodies of functions may name it: functions, operators, and
-- where operands of an operator come from: types, columns of them and the relations that have one, functions that return or take one.
with members as (
  select e.extname as extension, d.classid, d.objid
  from pg_extension e
  join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e'
  where e.extversion in ('stand-in', 'stand-in-effects')),
types as (
  select m.extension, t.oid, t.typname
  from members m
  join pg_type t on m.classid = 'pg_type'::regclass and (t.oid = m.objid or t.typelem = m.objid))
select m.extension, n.nspname as schema, p.proname as name, 'function' as kind
from members m join pg_proc p on m.classid = 'pg_proc'::regclass and p.oid = m.objid join pg_namespace n on n.oid = p.pronamespace
where p.prokind = 'f'
union
select m.extension, n.nspname, o.oprname, 'operator'
from members m join pg_operator o on m.classid = 'pg_operator'::regclass and o.oid = m.objid join pg_namespace n on n.oid = o.oprnamespace
-- Equal is what is written alike; +, - and * are those of numbers nearly everywhere.
where o.oprname not in ('=', '<>', '+', '-', '*')
union
select t.extension, '', t.typname, 'operand' from types t
union
select t.extension, '', x.name, 'operand'
from types t
join pg_attribute a on a.atttypid = t.oid and a.attnum > 0
join pg_class c on c.oid = a.attrelid
cross join lateral (values (a.attname), (c.relname)) as x (name)
union
select t.extension, '', p.proname, 'operand'
from types t join pg_proc p on p.prorettype = t.oid or t.oid = any (p.proargtypes)
where not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
