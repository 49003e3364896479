-- Columns of PostGIS's types, which hold what was written (WKT). What makes a point writes one; what measures or compares raises.
select rowgate_text_type(name, false) from unnest('{geometry,geography,box2d,box3d,raster}'::text[]) as name;
create cast (geometry as geography) without function as implicit;
create cast (geography as geometry) without function;
create cast (text as geometry) with inout as implicit;
create cast (text as geography) with inout as implicit;

create function st_makepoint(x double precision, y double precision) returns geometry language sql immutable strict parallel safe
  as $$ select format('POINT(%s %s)', x, y)::geometry $$;
create function st_point(x double precision, y double precision) returns geometry language sql immutable strict parallel safe
  as $$ select format('POINT(%s %s)', x, y)::geometry $$;
create function st_point(x double precision, y double precision, srid integer) returns geometry language sql immutable strict parallel safe
  as $$ select format('SRID=%s;POINT(%s %s)', srid, x, y)::geometry $$;
create function st_setsrid(geom geometry, srid integer) returns geometry language sql immutable strict parallel safe
  as $$ select format('SRID=%s;%s', srid, regexp_replace(geom::text, '^SRID=\d+;', ''))::geometry $$;
create function st_geomfromtext(text) returns geometry language sql immutable strict parallel safe as $$ select $1::geometry $$;
create function st_geomfromtext(text, integer) returns geometry language sql immutable strict parallel safe
  as $$ select format('SRID=%s;%s', $2, $1)::geometry $$;
create function st_geogfromtext(text) returns geography language sql immutable strict parallel safe as $$ select $1::geography $$;
create function st_astext(geometry) returns text language sql immutable strict parallel safe
  as $$ select regexp_replace($1::text, '^SRID=\d+;', '') $$;
create function st_astext(geography) returns text language sql immutable strict parallel safe
  as $$ select regexp_replace($1::text, '^SRID=\d+;', '') $$;
create function st_asewkt(geometry) returns text language sql immutable strict parallel safe as $$ select $1::text $$;

select rowgate_raising('PostGIS', 'immutable strict parallel safe', variadic array(select format(call, type) from unnest(array[
  'st_distance(%1$I, %1$I) returns double precision', 'st_dwithin(%1$I, %1$I, double precision) returns boolean',
  'st_intersects(%1$I, %1$I) returns boolean', 'st_contains(%1$I, %1$I) returns boolean', 'st_within(%1$I, %1$I) returns boolean',
  'st_covers(%1$I, %1$I) returns boolean', 'st_coveredby(%1$I, %1$I) returns boolean', 'st_equals(%1$I, %1$I) returns boolean',
  'st_touches(%1$I, %1$I) returns boolean', 'st_crosses(%1$I, %1$I) returns boolean', 'st_overlaps(%1$I, %1$I) returns boolean',
  'st_disjoint(%1$I, %1$I) returns boolean', 'st_maxdistance(%1$I, %1$I) returns double precision',
  'st_area(%1$I) returns double precision', 'st_length(%1$I) returns double precision', 'st_asgeojson(%1$I) returns text',
  'st_buffer(%1$I, double precision) returns %1$I', 'st_centroid(%1$I) returns %1$I', 'st_union(%1$I, %1$I) returns %1$I',
  'st_intersection(%1$I, %1$I) returns %1$I', 'st_srid(%1$I) returns integer', '%1$s_overlaps(%1$I, %1$I) returns boolean',
  '%1$s_distance(%1$I, %1$I) returns double precision']) as call, unnest('{geometry,geography}'::text[]) as type));
select rowgate_raising('PostGIS', 'immutable strict parallel safe', 'st_x(geometry) returns double precision',
  'st_y(geometry) returns double precision', 'st_dwithin(geography, geography, double precision, boolean) returns boolean',
  'st_distance(geography, geography, boolean) returns double precision', 'st_isvalid(geometry) returns boolean',
  'st_makevalid(geometry) returns geometry', 'st_transform(geometry, integer) returns geometry',
  'st_makeenvelope(double precision, double precision, double precision, double precision, integer) returns geometry',
  'st_makeline(geometry, geometry) returns geometry', 'st_geomfromgeojson(text) returns geometry',
  'st_geomfromgeojson(jsonb) returns geometry', 'st_distancesphere(geometry, geometry) returns double precision',
  'st_simplify(geometry, double precision) returns geometry', 'st_envelope(geometry) returns geometry',
  'st_numpoints(geometry) returns integer', 'postgis_version() returns text', 'postgis_full_version() returns text');
create operator && (leftarg = geometry, rightarg = geometry, function = geometry_overlaps, commutator = &&);
create operator && (leftarg = geography, rightarg = geography, function = geography_overlaps, commutator = &&);
create operator <-> (leftarg = geometry, rightarg = geometry, function = geometry_distance, commutator = <->);
create operator <-> (leftarg = geography, rightarg = geography, function = geography_distance, commutator = <->);
create table spatial_ref_sys (srid integer primary key, auth_name varchar(256), auth_srid integer, srtext varchar(2048), proj4text varchar(2048));
grant select on spatial_ref_sys to public;
