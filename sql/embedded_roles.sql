-- What makes each role what it is: its attributes (its password apart), its settings that hold in every database, and the
-- roles whose rights it has (usage) or may take on (member), through others too. Roles belong to the server, not to a
-- database: what one system does to a role, its neighbours feel.
select r.rolname as name,
       jsonb_build_array(
         r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls,
         (select jsonb_agg(to_jsonb(s.setconfig)) from pg_db_role_setting s where s.setrole = r.oid and s.setdatabase = 0)
       )::text as is,
       array(select o.rolname || ' ' || kind
             from pg_roles o, unnest(array['usage', 'member']) kind
             where not r.rolsuper and pg_has_role(r.oid, o.oid, kind)
             order by 1) as reaches
from pg_roles r
order by r.rolname
