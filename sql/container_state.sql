-- Everything of a server that its databases share and that a system's SQL could have changed: roles with their attributes
-- and memberships, settings of roles and databases, what ALTER SYSTEM wrote, the databases themselves, privileges on
-- parameters (Postgres 15 and later, hence the detour). Two servers with the same answer are as good as each other.
-- `state` is a digest of it; `databases` and `roles` are the names, so that what came later can be dropped.
with shared (what, row) as (
  select 'role', (to_jsonb(r) - 'rolpassword' - 'oid')::text from pg_roles r
  union all
  select 'member', (to_jsonb(m) - 'oid' - 'roleid' - 'member' - 'grantor')::text
      || concat_ws(' ', ' ', m.roleid::regrole, m.member::regrole, m.grantor::regrole)
    from pg_auth_members m
  union all
  select 'setting', concat_ws(' ', s.setrole::regrole, d.datname, s.setconfig)
    from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase
  union all
  select 'system', concat_ws(' ', f.name, f.setting) from pg_file_settings f where f.sourcefile ~ 'postgresql\.auto\.conf$'
  union all
  select 'database', concat_ws(' ', d.datname, d.datdba::regrole, d.datallowconn, d.datistemplate, d.datconnlimit, d.datacl)
    from pg_database d
  union all
  select 'parameter', query_to_xml('select parname, paracl from pg_parameter_acl order by 1', true, false, '')::text
    where to_regclass('pg_catalog.pg_parameter_acl') is not null
)
select
  encode(sha256(convert_to((select string_agg(what || ' ' || row, E'\n' order by what, row) from shared), 'UTF8')), 'hex') as state,
  array(select datname::text from pg_database order by 1) as databases,
  array(select rolname::text from pg_roles order by 1) as roles
