-- Tables whose rows hold, once inserted, what a function of the database's own has returned: a default or a generated column calls
-- it, or a trigger is one. Domains have defaults, too. One JSON array of oids, as text.
select coalesce(pg_catalog.json_agg(c.oid::text), '[]')::text
from pg_catalog.pg_class c
where c.relkind in ('r', 'p') and (
  exists (
    select from pg_catalog.pg_trigger t
    where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled <> 'D' and t.tgtype & 4 = 4)
  or exists (
    select from pg_catalog.pg_depend d
    where d.refclassid = 'pg_catalog.pg_proc'::regclass and d.refobjid >= 16384 and (
      d.classid = 'pg_catalog.pg_attrdef'::regclass
        and d.objid in (select a.oid from pg_catalog.pg_attrdef a where a.adrelid = c.oid)
      or d.classid = 'pg_catalog.pg_type'::regclass
        and d.objid in (select a.atttypid from pg_catalog.pg_attribute a where a.attrelid = c.oid and not a.attisdropped))))
