-- What a session of rowgate's is on the server. One row; reads no table of the user's.
--   readOnly       a transaction of this session cannot write unless it says so
--   …TimeoutMs     limits in force, in milliseconds (0: none), which rowgate sets at its start
--   now            the server's clock, in milliseconds since 1970
--   safeupdate     the extension is loaded here, and at work: UPDATE and DELETE without WHERE are refused
--   safeupdateOf   roles for which ALTER ROLE or ALTER DATABASE loads it; null: for every role
select current_setting('server_version') as version,
       current_setting('server_version_num')::int as "versionNum",
       pg_is_in_recovery() as "inRecovery",
       current_setting('default_transaction_read_only') = 'on' as "readOnly",
       (select setting::int from pg_settings where name = 'statement_timeout') as "statementTimeoutMs",
       (select setting::int from pg_settings where name = 'lock_timeout') as "lockTimeoutMs",
       (select setting::int from pg_settings where name = 'idle_in_transaction_session_timeout') as "idleTimeoutMs",
       (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
       coalesce(current_setting('safeupdate.enabled', true), 'off') in ('on', 'true', 'yes', '1') as safeupdate,
       array(select distinct r.rolname::text
             from pg_db_role_setting s
             cross join unnest(s.setconfig) as config
             left join pg_roles r on r.oid = s.setrole
             where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
               and lower(split_part(config, '=', 1)) in ('session_preload_libraries', 'local_preload_libraries')
               and config ~ '\msafeupdate\M') as "safeupdateOf"
