-- Whether a statement with $nonce in its text is at work in this database: asked for up to $milliseconds, while requests with
-- that name in them are sent through the gateway. Nobody else could have made the name up. What another session runs is shown
-- to superusers and to members of pg_read_all_stats only; `unseen` counts the sessions about which nothing is shown.
do $block$
declare
  ends constant timestamptz := clock_timestamp() + interval '{milliseconds} milliseconds';
  seen boolean := false;
  unseen int := 0;
begin
  loop
    -- Within a transaction the view stands still, unless told otherwise.
    perform pg_stat_clear_snapshot();
    select coalesce(bool_or(strpos(query, '{nonce}') > 0), false),
           count(*) filter (where query = '<insufficient privilege>')
    into seen, unseen
    from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid();
    exit when seen or clock_timestamp() >= ends;
    perform pg_sleep(0.002);
  end loop;
  perform set_config('rowgate.same_database', json_build_object('seen', seen, 'unseen', unseen)::text, true);
end
$block$
