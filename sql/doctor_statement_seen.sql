-- Waits until another session of this database runs a statement that holds the word {word}, for {milliseconds} ms at most.
-- Says in rowgate.seen whether one did. Reads pg_stat_activity alone, and works in a read-only transaction.
-- A look every 2 ms: what PostgREST runs is over in about that time. pg_stat_activity stands still within a transaction
-- unless its snapshot is let go.
do $$
declare
  until timestamptz := clock_timestamp() + interval '{milliseconds} milliseconds';
begin
  perform set_config('rowgate.seen', 'no', true);
  while clock_timestamp() < until loop
    perform pg_stat_clear_snapshot();
    if exists (select from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid() and query like '%{word}%') then
      perform set_config('rowgate.seen', 'yes', true);
      exit;
    end if;
    perform pg_sleep(0.002);
  end loop;
end
$$
