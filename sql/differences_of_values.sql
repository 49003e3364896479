-- By the privileged connection: the values of one column that a persona was shown ($1: text[], each the JSON array [key, value]) against
-- the rows in which it is declared to be shown. Only rows that hold a value count. Pieces in braces are written by the channel:
--   {key}, {value}  the row's key, and the column's value, as texts
--   {shown}         the key for people: {"id": 7}
--   {declared}      the declared rows
--   {rows}          from … where the column is not null
-- A value is too many where the row is not declared, whatever is shown there (a mask is not NULL, and may tell a part);
-- one is missing where the row is declared and another value, or none, is shown.
select json_build_object(
  'unexpected', count(*) filter (where extra), 'missing', count(*) filter (where missing),
  'unexpectedKeys', (array_agg(shown) filter (where extra))[1:3], 'missingKeys', (array_agg(shown) filter (where missing))[1:3])::text
from (
  select coalesce(c.shown, s.key) as shown,
    s.key is not null and c.declared is not true as extra,
    c.declared is true and (s.key is null or not c.value = any (s.vals)) as missing
  from (select {key} as key, {value} as value, {shown} as shown, coalesce(({declared}
    ), false) as declared {rows}) c
  full join (select item->>0 as key, array_agg(item->>1) as vals
             from (select t::json as item from unnest($1) t) x group by 1) s on s.key = c.key
) x
