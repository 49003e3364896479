-- What this transaction has read and written so far, table by table, as text: {"<oid>": [read, inserted, updated, deleted]}.
-- Asked before a call and after it: the difference is what the call did, whatever it did it by (a trigger, a cascade, dynamic SQL).
-- Rows that are found by an index are counted with the index. Both arrays are of equal length: each table, each with its indexes.
-- {oids} is replaced by an array of the tables' oids, {indexes} by an array of {"<oid>,<oid>"} in the same order.
select coalesce(pg_catalog.json_object_agg(o::text, pg_catalog.json_build_array(
  pg_catalog.pg_stat_get_xact_tuples_returned(o) + pg_catalog.pg_stat_get_xact_tuples_fetched(o)
    + (select coalesce(sum(pg_catalog.pg_stat_get_xact_tuples_fetched(i::oid) + pg_catalog.pg_stat_get_xact_tuples_returned(i::oid)), 0)
       from pg_catalog.unnest(pg_catalog.string_to_array(own, ',')) i),
  pg_catalog.pg_stat_get_xact_tuples_inserted(o),
  pg_catalog.pg_stat_get_xact_tuples_updated(o),
  pg_catalog.pg_stat_get_xact_tuples_deleted(o))), '{}')::text
from rows from (pg_catalog.unnest({oids}::oid[]), pg_catalog.unnest({indexes}::text[])) as counted (o, own)
