-- What the API puts behind a request's schema in search_path, as PostgREST reads it: the setting of its login $1 (`authenticator`
-- where none is known), that of this database first; on a Supabase project's database else what `api.extra_search_path` is where
-- config.toml says nothing. null: PostgREST's own default.
select coalesce(
         (select substr(config, strpos(config, '=') + 1)
          from pg_db_role_setting s
          join pg_roles r on r.oid = s.setrole
          cross join unnest(s.setconfig) as config
          where r.rolname = coalesce($1::text, 'authenticator') and config ilike 'pgrst.db\_extra\_search\_path=%'
            and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
          order by s.setdatabase desc
          limit 1),
         case when to_regnamespace('extensions') is not null and to_regrole('supabase_admin') is not null
              then 'public, extensions' end) as path
