-- What ALTER DEFAULT PRIVILEGES gives on objects that are created from now on. An entry of a schema adds to what the role's
-- entry without one gives: https://www.postgresql.org/docs/current/catalog-pg-default-acl.html
select pg_get_userbyid(d.defaclrole) as owner,
       n.nspname as schema,
       case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
                            when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end as objects,
       array(select a::text from unnest(d.defaclacl) a order by 1) as acl
from pg_default_acl d
left join pg_namespace n on n.oid = d.defaclnamespace
order by 1, 2, 3
