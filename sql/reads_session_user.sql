-- Does any policy, view or function of users mention who logged in (session_user, system_user)? A search of their text, which may say
-- yes of a comment: then personas that log in by themselves are not proved for all rows, which is never a pass too many.
select exists (select from pg_policies where concat(qual, ' ', with_check) ~* '(session|system)_user')
  or exists (select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
             where n.nspname not in ('pg_catalog', 'information_schema')
               and concat(p.prosrc, ' ', pg_get_function_sqlbody(p.oid)) ~* '(session|system)_user')
  or exists (select from pg_views where schemaname not in ('pg_catalog', 'information_schema')
             and definition ~* '(session|system)_user') as reads;
