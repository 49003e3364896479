-- "Automatically expose new tables" is off: what this takes away, and no more. TRUNCATE, REFERENCES, TRIGGER and MAINTAIN stay on
-- new tables, UPDATE on sequences, and EXECUTE on functions through PUBLIC.
alter default privileges for role postgres in schema public
  revoke select, insert, update, delete on tables from anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  revoke usage, select on sequences from anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  revoke execute on functions from anon, authenticated, service_role;
