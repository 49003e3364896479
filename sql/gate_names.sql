-- Which of the names $1 something in the database has, or SQL keeps as a word of its own: a relation, column, function, result column,
-- type, schema, role or setting.
select distinct x.name
from unnest($1::text[]) x (name)
where exists (select from pg_attribute where attname = x.name)
  or exists (select from pg_class where relname = x.name)
  or exists (select from pg_proc where proname = x.name)
  or exists (select from pg_proc p where x.name = any (p.proargnames) and p.proargmodes is not null)
  or exists (select from pg_type where typname = x.name)
  or exists (select from pg_namespace where nspname = x.name)
  or exists (select from pg_roles where rolname = x.name)
  or exists (select from pg_settings where name = x.name)
  or exists (select from pg_get_keywords() where word = x.name)
