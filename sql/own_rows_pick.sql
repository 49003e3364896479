-- Rows to copy where the gateway commits, by their keys: up to two of each kind, inside and outside of the declared set, with and
-- without the persona's `sub` in them. Asked by the privileged connection, of the first rows of each side: a long table is not read whole.
--   {key}      the key's columns as texts: "id"::text
--   {relation} the table
--   {inside}   the declared set's predicate
--   {sub}      the persona's `sub`, as a literal; '' where it has none
select key
from (
  select key, row_number() over (partition by side, holds) as place
  from (
    (select 1 as side, array[{key}]::text[] as key, strpos((rowgate_row.*)::text, {sub}) > 0 as holds
     from (select * from {relation} where ({inside}
     ) is true limit 2000) rowgate_row)
    union all
    (select 2, array[{key}]::text[], strpos((rowgate_row.*)::text, {sub}) > 0
     from (select * from {relation} where ({inside}
     ) is not true limit 2000) rowgate_row)
  ) sides
) placed
where place <= 2
