-- Trusted Language Extensions: none is installed, so what one would bring is missing.
do $$ begin if to_regnamespace('pgtle') is null then create schema pgtle; end if; end $$;
create function pgtle.install_extension(name text, version text, description text, ext text, requires text[] default null,
  schema text default null) returns boolean language sql as 'select true';
create function pgtle.install_update_path(name text, fromvers text, tovers text, ext text) returns boolean language sql as 'select true';
create function pgtle.install_extension_version_sql(name text, version text, ext text) returns boolean language sql as 'select true';
create function pgtle.set_default_version(name text, version text) returns boolean language sql as 'select true';
create function pgtle.uninstall_extension(extname text) returns boolean language sql as 'select true';
create function pgtle.uninstall_extension(extname text, version text) returns boolean language sql as 'select true';
create function pgtle.uninstall_extension_if_exists(extname text) returns boolean language sql as 'select true';
create function pgtle.available_extensions(out name name, out default_version text, out comment text) returns setof record
  language sql as 'select null::name, null::text, null::text where false';
grant usage on schema pgtle to postgres with grant option;
