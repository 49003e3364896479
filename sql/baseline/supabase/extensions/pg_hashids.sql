-- A text for each number, and another for another number; not the one of hashids.
do $$
declare
  one text;
begin
  foreach one in array array['id', 'hash'] loop
    execute format($f$create function %1$s_encode(bigint, salt text default '', min_length integer default 0, alphabet text default '')
      returns text language sql immutable strict parallel safe as 'select lpad(to_hex($1), greatest(min_length, length(to_hex($1))), ''0'')'$f$, one);
    execute format($f$create function %1$s_encode(bigint[], salt text default '', min_length integer default 0, alphabet text default '')
      returns text language sql immutable strict parallel safe as 'select string_agg(to_hex(n), ''g'' order by at) from unnest($1) with ordinality as ns (n, at)'$f$, one);
    execute format($f$create function %1$s_decode(text, salt text default '', min_length integer default 0, alphabet text default '')
      returns bigint[] language sql immutable strict parallel safe as
      'select array_agg((''x'' || lpad(part, 16, ''0''))::bit(64)::bigint) from string_to_table($1, ''g'') as part'$f$, one);
  end loop;
end
$$;
create function id_decode_once(text, salt text default '', min_length integer default 0, alphabet text default '')
  returns bigint language sql immutable strict parallel safe as $$ select (id_decode($1))[1] $$;
