-- Columns of pgvector's types, which hold text. What compares vectors raises: an order or a distance would be made up.
select rowgate_text_type(name, true) from unnest('{vector,halfvec,sparsevec}'::text[]) as name;
select rowgate_raising('pgvector', 'immutable strict parallel safe', variadic array(
  select format('%1$s(%2$I, %2$I) returns double precision', call, type)
  from unnest('{l2_distance,inner_product,cosine_distance,l1_distance,vector_negative_inner_product}'::text[]) as call,
    unnest('{vector,halfvec,sparsevec}'::text[]) as type));
do $$
declare
  type text;
begin
  foreach type in array array['vector', 'halfvec', 'sparsevec'] loop
    execute format('create cast (%I as real[]) with inout', type);
    execute format('create cast (real[] as %I) with inout as assignment', type);
    execute format('create cast (double precision[] as %I) with inout as assignment', type);
    execute format('create operator <-> (leftarg = %I, rightarg = %I, function = l2_distance, commutator = <->)', type, type);
    execute format('create operator <#> (leftarg = %I, rightarg = %I, function = vector_negative_inner_product, commutator = <#>)', type, type);
    execute format('create operator <=> (leftarg = %I, rightarg = %I, function = cosine_distance, commutator = <=>)', type, type);
    execute format('create operator <+> (leftarg = %I, rightarg = %I, function = l1_distance, commutator = <+>)', type, type);
  end loop;
end
$$;
select rowgate_raising('pgvector', 'immutable strict parallel safe', 'vector_dims(vector) returns integer',
  'vector_norm(vector) returns double precision', 'l2_normalize(vector) returns vector', 'subvector(vector, integer, integer) returns vector',
  'binary_quantize(vector) returns bit', 'vector_add(vector, vector) returns vector', 'vector_sub(vector, vector) returns vector',
  'vector_mul(vector, vector) returns vector');
create operator + (leftarg = vector, rightarg = vector, function = vector_add);
create operator - (leftarg = vector, rightarg = vector, function = vector_sub);
create operator * (leftarg = vector, rightarg = vector, function = vector_mul);
create aggregate avg(vector) (sfunc = vector_add, stype = vector);
create aggregate sum(vector) (sfunc = vector_add, stype = vector);
