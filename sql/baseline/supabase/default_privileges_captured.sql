-- Default privileges as `rowgate capture` read them on a target (the setting rowgate.captured), in place of the platform's: of roles
-- and schemas that exist here. An entry without a schema replaces what Postgres gives to PUBLIC by itself; one of a schema adds to it.
do $$
declare
  entry record;
  one record;
  prefix text;
begin
  for entry in
    select e.* from jsonb_to_recordset(current_setting('rowgate.captured')::jsonb) as e (owner text, schema text, objects text, grants jsonb)
    where e.objects in ('tables', 'sequences', 'functions', 'types', 'schemas') and exists (select from pg_roles where rolname = e.owner)
      and (e.schema is null or exists (select from pg_namespace where nspname = e.schema))
  loop
    prefix := format('alter default privileges for role %I', entry.owner) || coalesce(' in schema ' || quote_ident(entry.schema), '');
    if entry.schema is null and entry.objects in ('functions', 'types') then
      execute format('%s revoke all on %s from public', prefix, entry.objects);
    end if;
    for one in
      select g.* from jsonb_to_recordset(entry.grants) as g (grantee text, privilege text, grantable boolean)
      where (g.grantee is null or exists (select from pg_roles where rolname = g.grantee))
        and (g.privilege <> 'MAINTAIN' or current_setting('server_version_num')::int >= 170000)
    loop
      execute format('%s grant %s on %s to %s', prefix, one.privilege, entry.objects, coalesce(quote_ident(one.grantee), 'public'))
        || case when one.grantable and one.grantee is not null then ' with grant option' else '' end;
    end loop;
  end loop;
end
$$;
