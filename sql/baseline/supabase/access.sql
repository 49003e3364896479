-- Owners, row security and grants of the tables above. After this, what `postgres` may do is what a project's owner may do.
do $$
declare
  one record;
begin
  for one in
    select format('alter %s %s owner to %I',
        case c.relkind when 'v' then 'view' else 'table' end, c.oid::regclass, o.owner) as statement
    from (values ('auth', 'supabase_auth_admin'), ('storage', 'supabase_storage_admin'), ('realtime', 'supabase_realtime_admin'))
      as o (schema, owner)
    join pg_class c on c.relnamespace = o.schema::regnamespace and c.relkind in ('r', 'p', 'v')
    union all
    select format('alter function %s owner to %I', p.oid::regprocedure, o.owner)
    from (values ('auth', 'supabase_auth_admin'), ('storage', 'supabase_storage_admin'), ('realtime', 'supabase_realtime_admin'))
      as o (schema, owner)
    join pg_proc p on p.pronamespace = o.schema::regnamespace
    union all
    select format('alter type %s owner to %I', t.oid::regtype, o.owner)
    from (values ('auth', 'supabase_auth_admin'), ('storage', 'supabase_storage_admin')) as o (schema, owner)
    join pg_type t on t.typnamespace = o.schema::regnamespace and t.typtype = 'e'
    union all
    select format('alter table %s enable row level security', c.oid::regclass)
    from pg_class c
    where c.relkind in ('r', 'p')
      and (c.relnamespace = 'storage'::regnamespace
        or c.oid = 'realtime.messages'::regclass
        or c.relnamespace = 'auth'::regnamespace and c.relname not like 'oauth%')
  loop
    execute one.statement;
  end loop;
end
$$;

-- As the owners, whose grants are no one else's to revoke.
set session authorization supabase_auth_admin;
grant all on all tables in schema auth to dashboard_user, postgres;
grant all on all sequences in schema auth to dashboard_user, postgres;
grant select on all tables in schema auth to postgres with grant option;
revoke all on auth.schema_migrations from postgres;
grant select on auth.schema_migrations to postgres with grant option;
grant execute on all functions in schema auth to dashboard_user;
grant execute on function auth.jwt() to postgres;

set session authorization supabase_storage_admin;
grant all on storage.buckets, storage.objects, storage.buckets_analytics to anon, authenticated, service_role;
grant all on storage.buckets, storage.objects to postgres with grant option;
grant all on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts to service_role;
grant select on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts to anon, authenticated;

reset session authorization;
set role supabase_realtime_admin;
grant select, insert, update on realtime.messages to anon, authenticated, service_role;
grant all on all tables in schema realtime to postgres, dashboard_user;
grant select on realtime.subscription to anon, authenticated, service_role;
reset role;
