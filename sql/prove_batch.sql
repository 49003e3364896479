-- The proof's batch: many requests in one statement, each undone before the next.
--
-- In:  setting rowgate.asked (JSON)
--        actors    [{"role": name or null, "settings": [[name, value], …]}]     null: the login itself
--        requests  [[{"actor": n, "sql": text, "rows": true or false, "goOn": true or false, "stored": true or false}, …], …]
--      A request is a list of steps that see each other's effects. rows: the statement returns one text; else it is run, and the
--      number of rows that it touched is the answer. goOn: an error does not end the request.
-- Out: setting rowgate.answered (JSON): for each request an array with an answer for each step that was reached:
--        {"value": text} | {"touched": n} | {"code": SQLSTATE, "message": text}
--      Fewer requests than asked when the statement timeout struck; the last one then ends with 57014.
--
-- Why each piece stands where it stands:
--   * each step takes its role and settings anew: what another one set is overwritten, since all personas of a session have
--     the same names of settings; a function's own settings (search_path, …) are taken by requests of one step only;
--   * a refusal to become the actor is no refusal of a policy: it has a code of its own (RGACT);
--   * stored: what the role is refused is asked again, with names looked up by the login and everything else as the role, as
--     Postgres does with a policy, whose user needs no USAGE of the schema of a function that it calls;
--   * constraints that wait for the end of the transaction are checked with the statement.
do $rowgate$
declare
  asked constant jsonb := pg_catalog.current_setting('rowgate.asked')::jsonb;
  roles constant text[] := array(select a ->> 'role' from pg_catalog.jsonb_array_elements(asked -> 'actors') with ordinality x (a, n) order by n);
  settings constant text[] := array(select (a -> 'settings')::text from pg_catalog.jsonb_array_elements(asked -> 'actors') with ordinality x (a, n) order by n);
  requests constant text[] := array(select r::text from pg_catalog.jsonb_array_elements(asked -> 'requests') with ordinality x (r, n) order by n);
  request text;
  step jsonb;
  pair jsonb;
  actor int;
  answers text[] := '{}';
  steps text[];
  value text;
  touched bigint;
  became boolean;
  done boolean;
  cut boolean := false;
  state text;
  said text;
begin
  set constraints all immediate;
  foreach request in array requests loop
    exit when cut;
    steps := '{}';
    done := false;
    begin
      for step in select s from pg_catalog.jsonb_array_elements(request::jsonb) s loop
        became := false;
        begin
          actor := (step ->> 'actor')::int + 1;
          for pair in select p from pg_catalog.jsonb_array_elements(settings[actor]::jsonb) p loop
            perform pg_catalog.set_config(pair ->> 0, pair ->> 1, true);
          end loop;
          perform pg_catalog.set_config('role', coalesce(roles[actor], 'none'), true);
          became := true;
          if (step ->> 'rows')::boolean then
            begin
              execute step ->> 'sql' into value;
            exception when insufficient_privilege then
              if not (step ->> 'stored')::boolean or roles[actor] is null then raise; end if;
              perform pg_catalog.set_config('role', 'none', true);
              if exists (select from pg_catalog.pg_prepared_statements where name = 'rowgate_stored') then
                deallocate rowgate_stored;
              end if;
              execute 'prepare rowgate_stored as ' || (step ->> 'sql');
              perform pg_catalog.set_config('role', roles[actor], true);
              execute 'execute rowgate_stored' into value;
            end;
            steps := steps || pg_catalog.json_build_object('value', value)::text;
          else
            execute step ->> 'sql';
            get diagnostics touched = row_count;
            steps := steps || pg_catalog.json_build_object('touched', touched)::text;
          end if;
        exception
          when query_canceled then
            get stacked diagnostics state = returned_sqlstate;
            steps := steps || pg_catalog.json_build_object('code', state, 'message', 'statement timeout')::text;
            cut := true;
            exit;
          when others or assert_failure then
            get stacked diagnostics state = returned_sqlstate, said = message_text;
            steps := steps || pg_catalog.json_build_object('code', case when became then state else 'RGACT' end, 'message', said)::text;
            exit when not (step ->> 'goOn')::boolean;
        end;
      end loop;
      done := true;
      raise exception 'undone';
    exception
      when others then
        if not done then raise; end if;
    end;
    answers := answers || ('[' || pg_catalog.array_to_string(steps, ',') || ']');
  end loop;
  perform pg_catalog.set_config('role', 'none', true);
  perform pg_catalog.set_config('rowgate.answered', '[' || pg_catalog.array_to_string(answers, ',') || ']', true);
end $rowgate$
