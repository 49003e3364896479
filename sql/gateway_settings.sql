-- What PostgREST reads of its configuration from the database, and puts above its file and environment (db-config, on unless
-- somebody says otherwise): ALTER ROLE <its login, $1> [IN DATABASE …] SET pgrst.<name>. The one of this database wins.
-- https://docs.postgrest.org/en/stable/references/configuration.html#in-database-configuration
select distinct on (1)
       lower(substr(split_part(config, '=', 1), 7)) as name,
       substr(config, strpos(config, '=') + 1) as value
from pg_db_role_setting s
join pg_roles r on r.oid = s.setrole
cross join unnest(s.setconfig) as config
where r.rolname = $1 and config ilike 'pgrst.%'
  and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
order by 1, s.setdatabase desc
