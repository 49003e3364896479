-- The statement that tells the API what config.toml says, $1. What the project's SQL says by ALTER ROLE wins, as on the platform.
select format('alter role authenticator in database %I set pgrst.db_extra_search_path = %L', current_database(), $1::text) as sql
where not exists (
  select from pg_db_role_setting s
  join pg_roles r on r.oid = s.setrole
  cross join unnest(s.setconfig) as config
  where r.rolname = 'authenticator' and config ilike 'pgrst.db\_extra\_search\_path=%'
    and s.setdatabase in (0, (select oid from pg_database where datname = current_database())))
