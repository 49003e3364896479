-- Before each script of sql/baseline/supabase/extensions. What it makes is dropped behind the script, so no extension keeps it.

-- Functions that raise what makes a cell inconclusive: `st_area(geometry) returns double precision`.
create function rowgate_raising(extension text, volatility text, variadic signatures text[]) returns void language plpgsql as $$
declare
  signature text;
begin
  foreach signature in array signatures loop
    execute format('create function %s language plpgsql %s as %L', signature, volatility,
      format('begin raise exception using errcode = %L, message = %L; end', 'RG001',
        format('%s is a function of %s, which is not installed', split_part(signature, '(', 1), extension)));
  end loop;
end
$$;

-- A type that holds what was written. Equal is what was written alike, so that DISTINCT and triggers that compare old and new work.
-- `lengths`: it takes a number, as varchar(n) does; else anything, which is not checked, as in (Point, 4326).
create function rowgate_text_type(type text, lengths boolean) returns void language plpgsql as $$
declare
  internal constant text := 'language internal immutable strict parallel safe as';
  name text;
begin
  execute format('create type %I', type);
  execute format('create function %I(cstring, oid, integer) returns %I %s %L', type || '_in', type, internal, 'textin');
  execute format('create function %I(%I) returns cstring %s %L', type || '_out', type, internal, 'textout');
  if lengths then
    execute format('create function %I(cstring[]) returns integer %s %L', type || '_typmod_in', internal, 'varchartypmodin');
    execute format('create function %I(integer) returns cstring %s %L', type || '_typmod_out', internal, 'varchartypmodout');
  else
    execute format('create function %I(cstring[]) returns integer language plpgsql immutable strict as %L', type || '_typmod_in', 'begin return 1; end');
  end if;
  execute format('create type %I (input = %I, output = %I, typmod_in = %I, %s internallength = variable, storage = extended)',
    type, type || '_in', type || '_out', type || '_typmod_in', case when lengths then format('typmod_out = %I,', type || '_typmod_out') end);
  foreach name in array array['eq', 'ne'] loop
    execute format('create function %I(%I, %I) returns boolean %s %L', type || '_' || name, type, type, internal, 'bytea' || name);
  end loop;
  execute format('create operator = (leftarg = %I, rightarg = %I, function = %I, commutator = =)', type, type, type || '_eq');
  execute format('create operator <> (leftarg = %I, rightarg = %I, function = %I, commutator = <>)', type, type, type || '_ne');
end
$$;
