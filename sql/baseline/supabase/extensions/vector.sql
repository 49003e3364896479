-- Columns of pgvector's types, which hold text. What compares vectors raises: an order or a distance would be made up.
do $$
declare
  one text;
  made text;
begin
  foreach one in array array['vector', 'halfvec', 'sparsevec'] loop
    execute format('create type %I', one);
    execute format('create function %I(cstring, oid, integer) returns %I language internal immutable strict parallel safe as %L', one || '_in', one, 'textin');
    execute format('create function %I(%I) returns cstring language internal immutable strict parallel safe as %L', one || '_out', one, 'textout');
    execute format('create function %I(cstring[]) returns integer language internal immutable strict parallel safe as %L', one || '_typmod_in', 'varchartypmodin');
    execute format('create function %I(integer) returns cstring language internal immutable strict parallel safe as %L', one || '_typmod_out', 'varchartypmodout');
    execute format('create type %I (input = %I, output = %I, typmod_in = %I, typmod_out = %I, internallength = variable, storage = extended)',
      one, one || '_in', one || '_out', one || '_typmod_in', one || '_typmod_out');
    execute format('create cast (%I as real[]) with inout', one);
    execute format('create cast (real[] as %I) with inout as assignment', one);
    execute format('create cast (double precision[] as %I) with inout as assignment', one);
    -- Equal is what was written alike, so that DISTINCT and triggers that compare old and new work.
    foreach made in array array['eq', 'ne'] loop
      execute format('create function %I(%I, %I) returns boolean language internal immutable strict parallel safe as %L', one || '_' || made, one, one, 'bytea' || made);
    end loop;
    execute format('create operator = (leftarg = %I, rightarg = %I, function = %I, commutator = =)', one, one, one || '_eq');
    execute format('create operator <> (leftarg = %I, rightarg = %I, function = %I, commutator = <>)', one, one, one || '_ne');
    foreach made in array array['l2_distance', 'inner_product', 'cosine_distance', 'l1_distance', 'vector_negative_inner_product'] loop
      execute format('create function %I(%I, %I) returns double precision language plpgsql immutable strict parallel safe as %L', made, one, one,
        format('begin raise exception using errcode = %L, message = %L; end', 'RG001', made || ' is a function of pgvector, which is not installed'));
    end loop;
    execute format('create operator <-> (leftarg = %I, rightarg = %I, function = l2_distance, commutator = <->)', one, one);
    execute format('create operator <#> (leftarg = %I, rightarg = %I, function = vector_negative_inner_product, commutator = <#>)', one, one);
    execute format('create operator <=> (leftarg = %I, rightarg = %I, function = cosine_distance, commutator = <=>)', one, one);
    execute format('create operator <+> (leftarg = %I, rightarg = %I, function = l1_distance, commutator = <+>)', one, one);
  end loop;
  foreach one in array array['vector_dims(vector) returns integer', 'vector_norm(vector) returns double precision',
    'l2_normalize(vector) returns vector', 'subvector(vector, integer, integer) returns vector', 'binary_quantize(vector) returns bit',
    'vector_add(vector, vector) returns vector', 'vector_sub(vector, vector) returns vector', 'vector_mul(vector, vector) returns vector'] loop
    execute format('create function %s language plpgsql immutable strict parallel safe as %L', one,
      format('begin raise exception using errcode = %L, message = %L; end', 'RG001', one || ' is a function of pgvector, which is not installed'));
  end loop;
end
$$;
create operator + (leftarg = vector, rightarg = vector, function = vector_add);
create operator - (leftarg = vector, rightarg = vector, function = vector_sub);
create operator * (leftarg = vector, rightarg = vector, function = vector_mul);
create aggregate avg(vector) (sfunc = vector_add, stype = vector);
create aggregate sum(vector) (sfunc = vector_add, stype = vector);
