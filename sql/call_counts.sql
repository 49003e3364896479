-- What this transaction has read and written so far, as text: five lists of numbers, in the order in which the relations are given.
-- Asked before a call and after it: the difference is what the call did, whatever it did it by (a trigger, a cascade, dynamic SQL).
-- [rows that scans of each table and index returned, rows of each table fetched otherwise, inserted, updated, deleted]. A row that an
-- index finds is counted with the index, first as returned and then as fetched: the first says that there was one.
-- {relations} is replaced by an array of the oids of tables and their indexes, {tables} by one of the tables' oids.
select pg_catalog.json_build_array(
  (select coalesce(pg_catalog.json_agg(pg_catalog.pg_stat_get_xact_tuples_returned(o)), '[]') from pg_catalog.unnest({relations}::oid[]) o),
  (select coalesce(pg_catalog.json_agg(pg_catalog.pg_stat_get_xact_tuples_fetched(o)), '[]') from pg_catalog.unnest({tables}::oid[]) o),
  (select coalesce(pg_catalog.json_agg(pg_catalog.pg_stat_get_xact_tuples_inserted(o)), '[]') from pg_catalog.unnest({tables}::oid[]) o),
  (select coalesce(pg_catalog.json_agg(pg_catalog.pg_stat_get_xact_tuples_updated(o)), '[]') from pg_catalog.unnest({tables}::oid[]) o),
  (select coalesce(pg_catalog.json_agg(pg_catalog.pg_stat_get_xact_tuples_deleted(o)), '[]') from pg_catalog.unnest({tables}::oid[]) o))::text
