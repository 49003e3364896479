-- Roles that statements of users could run as, and whether they hold anything on a relation of the system. Superusers, owners
-- of relations and roles above the policies are the system's own, but for the platform's.
select r.rolname as name,
       r.rolbypassrls as above,
       r.rolcanlogin as "canLogin",
       r.rolname in ('anon', 'authenticated', 'service_role') as platform,
       exists (
         select from pg_class c
         join pg_namespace n on n.oid = c.relnamespace
         left join pg_attribute t on t.attrelid = c.oid and t.attacl is not null
         cross join lateral aclexplode(coalesce(t.attacl, c.relacl)) a
         where c.relkind in ('r', 'p', 'v', 'm', 'f')
           and n.nspname !~ '^pg_'
           and n.nspname not in ('information_schema', 'auth', 'storage', 'realtime')
           and a.grantee <> 0
           and (a.grantee = r.oid or pg_has_role(r.oid, a.grantee, 'usage'))
       ) as holds
from pg_roles r
where r.rolname in ('anon', 'authenticated', 'service_role')
   or not (r.rolsuper or r.rolbypassrls or r.rolname ~ '^pg_' or exists (select from pg_class c where c.relowner = r.oid))
order by 1
