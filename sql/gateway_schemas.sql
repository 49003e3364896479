-- Which of the schemas that should be exposed there are.
-- $1 text[]: their names.
select nspname as name from pg_catalog.pg_namespace where nspname = any ($1::text[]);
