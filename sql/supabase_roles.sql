-- The roles of a Supabase project that its API knows, as on Supabase. Cluster-wide, and safe to run again.
-- The authenticator's password is set apart from this file, at run time.
do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      -- What PostgREST switches to for a request without a token, with a user's token, with the service key.
      ('anon',          'nologin inherit nobypassrls'),
      ('authenticated', 'nologin inherit nobypassrls'),
      ('service_role',  'nologin inherit bypassrls'),
      -- What PostgREST logs in as. NOINHERIT: it may become each of the three, and is nothing by itself.
      ('authenticator', 'login noinherit nobypassrls')
    ) as roles (name, attributes)
  loop
    if not exists (select from pg_roles where rolname = wanted.name) then
      execute format('create role %I', wanted.name);
    end if;
    execute format('alter role %I %s', wanted.name, wanted.attributes);
  end loop;
end
$$;

-- Before Postgres 16 a membership had no options of its own: NOINHERIT above says the same.
do $$
begin
  if current_setting('server_version_num')::int >= 160000 then
    execute 'grant anon, authenticated, service_role to authenticator with inherit false, set true';
  else
    grant anon, authenticated, service_role to authenticator;
  end if;
end
$$;
