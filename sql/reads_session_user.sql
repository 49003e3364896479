-- Does any policy, view or function of users mention who logged in (session_user, system_user)? A search of their text, which may say
-- yes of a comment: then personas that log in by themselves are not proved for all rows, which is never a pass too many.
-- What a user made has an oid from 16384 on: Postgres's own 3,000 functions and 150 views are not read, which would take a tenth of a second.
select exists (select from pg_policy
               where concat(pg_get_expr(polqual, polrelid), ' ', pg_get_expr(polwithcheck, polrelid)) ~* '(session|system)_user')
  or exists (select from pg_proc p
             where p.oid >= 16384 and concat(p.prosrc, ' ', pg_get_function_sqlbody(p.oid)) ~* '(session|system)_user')
  or exists (select from pg_class c
             where c.oid >= 16384 and c.relkind = 'v' and pg_get_viewdef(c.oid) ~* '(session|system)_user') as reads;
