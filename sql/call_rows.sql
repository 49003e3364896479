-- The rows of a table, each with where it lies (partition and ctid), as text: [[tableoid, ctid, row], …].
-- {table} is replaced by its name; {most} by the number of rows that are read.
select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(rowgate_place, rowgate_at, rowgate_row)), '[]')::text
from (
  select rowgate_of.tableoid::text as rowgate_place, rowgate_of.ctid::text as rowgate_at, pg_catalog.to_jsonb(rowgate_of.*) as rowgate_row
  from {table} as rowgate_of
  limit {most}
) as rowgate_rows
