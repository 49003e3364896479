-- Columns of PostGIS's types, which hold what was written (WKT). What makes a point writes one; what measures or compares raises.
do $$
declare
  one text;
  made text;
begin
  foreach one in array array['geometry', 'geography', 'box2d', 'box3d', 'raster'] loop
    execute format('create type %I', one);
    execute format('create function %I(cstring, oid, integer) returns %I language internal immutable strict parallel safe as %L', one || '_in', one, 'textin');
    execute format('create function %I(%I) returns cstring language internal immutable strict parallel safe as %L', one || '_out', one, 'textout');
    -- (Point, 4326) has no one number: which kind of geometry a column takes is not checked.
    execute format('create function %I(cstring[]) returns integer language plpgsql immutable strict as %L', one || '_typmod_in', 'begin return 1; end');
    execute format('create type %I (input = %I, output = %I, typmod_in = %I, internallength = variable, storage = extended)',
      one, one || '_in', one || '_out', one || '_typmod_in');
    foreach made in array array['eq', 'ne'] loop
      execute format('create function %I(%I, %I) returns boolean language internal immutable strict parallel safe as %L', one || '_' || made, one, one, 'bytea' || made);
    end loop;
    execute format('create operator = (leftarg = %I, rightarg = %I, function = %I, commutator = =)', one, one, one || '_eq');
    execute format('create operator <> (leftarg = %I, rightarg = %I, function = %I, commutator = <>)', one, one, one || '_ne');
  end loop;
end
$$;
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

do $$
declare
  one text;
  kind text;
begin
  foreach kind in array array['geometry', 'geography'] loop
    foreach one in array array['st_distance', 'st_dwithin', 'st_intersects', 'st_contains', 'st_within', 'st_covers', 'st_coveredby',
      'st_equals', 'st_touches', 'st_crosses', 'st_overlaps', 'st_disjoint', 'st_maxdistance'] loop
      execute format('create function %I(%s) returns %s language plpgsql immutable strict parallel safe as %L', one,
        format(case one when 'st_dwithin' then '%1$I, %1$I, double precision' else '%1$I, %1$I' end, kind),
        case when one like '%distance' then 'double precision' else 'boolean' end,
        format('begin raise exception using errcode = %L, message = %L; end', 'RG001', one || ' is a function of PostGIS, which is not installed'));
    end loop;
    foreach one in array array['st_area(%I) returns double precision', 'st_length(%I) returns double precision',
      'st_asgeojson(%I) returns text', 'st_buffer(%1$I, double precision) returns %1$I', 'st_centroid(%1$I) returns %1$I',
      'st_union(%1$I, %1$I) returns %1$I', 'st_intersection(%1$I, %1$I) returns %1$I', 'st_srid(%I) returns integer'] loop
      execute format('create function %s language plpgsql immutable strict parallel safe as %L', format(one, kind),
        format('begin raise exception using errcode = %L, message = %L; end', 'RG001',
          split_part(one, '(', 1) || ' is a function of PostGIS, which is not installed'));
    end loop;
  end loop;
  foreach one in array array['st_x(geometry) returns double precision', 'st_y(geometry) returns double precision',
    'st_dwithin(geography, geography, double precision, boolean) returns boolean', 'st_distance(geography, geography, boolean) returns double precision',
    'st_isvalid(geometry) returns boolean', 'st_makevalid(geometry) returns geometry', 'st_transform(geometry, integer) returns geometry',
    'st_makeenvelope(double precision, double precision, double precision, double precision, integer) returns geometry',
    'st_makeline(geometry, geometry) returns geometry', 'st_geomfromgeojson(text) returns geometry', 'st_geomfromgeojson(jsonb) returns geometry',
    'st_distancesphere(geometry, geometry) returns double precision', 'st_simplify(geometry, double precision) returns geometry',
    'st_envelope(geometry) returns geometry', 'st_numpoints(geometry) returns integer', 'geometry_overlaps(geometry, geometry) returns boolean',
    'geography_overlaps(geography, geography) returns boolean', 'geometry_distance(geometry, geometry) returns double precision',
    'geography_distance(geography, geography) returns double precision', 'postgis_version() returns text', 'postgis_full_version() returns text'] loop
    execute format('create function %s language plpgsql immutable strict parallel safe as %L', one,
      format('begin raise exception using errcode = %L, message = %L; end', 'RG001',
        split_part(one, '(', 1) || ' is a function of PostGIS, which is not installed'));
  end loop;
end
$$;
create operator && (leftarg = geometry, rightarg = geometry, function = geometry_overlaps, commutator = &&);
create operator && (leftarg = geography, rightarg = geography, function = geography_overlaps, commutator = &&);
create operator <-> (leftarg = geometry, rightarg = geometry, function = geometry_distance, commutator = <->);
create operator <-> (leftarg = geography, rightarg = geography, function = geography_distance, commutator = <->);
create table spatial_ref_sys (srid integer primary key, auth_name varchar(256), auth_srid integer, srtext varchar(2048), proj4text varchar(2048));
grant select on spatial_ref_sys to public;
