-- Settings of the roles that the gateway's login may become (ALTER ROLE … SET …). A SET ROLE does not apply them, so the
-- gateway sets them for each transaction, as PostgREST does: those that any user may set, and those granted to this login,
-- what is set for every database, and in lower case.
select r.rolname as role, json_object_agg(kv.name, kv.value) as settings
from pg_catalog.pg_auth_members m
join pg_catalog.pg_roles r on r.oid = m.roleid
cross join lateral unnest(r.rolconfig) as config (setting)
cross join lateral (
  select split_part(config.setting, '=', 1), lower(substr(config.setting, strpos(config.setting, '=') + 1))
) as kv (name, value)
join pg_catalog.pg_settings s on s.name = kv.name
where m.member = (select oid from pg_catalog.pg_roles where rolname = current_user)
  and (s.context = 'user' or has_parameter_privilege(current_user, s.name, 'set'))
group by r.rolname;
