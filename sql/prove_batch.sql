-- The proof's batch: many requests in one statement, each undone before the next.
--
-- In:  setting rowgate.asked (JSON)
--        actors    [{"role": name or null, "settings": [[name, value], …]}]     null: the login itself
--        texts     [text, …]
--        constraint  what SQLSTATEs of constraints begin with
--        requests  [[{"actor": n, "sql": n, "rows": true or false, "goOn": true or false, "stored": true or false}, …], …]
--      A request is a list of steps that see each other's effects. rows: the statement returns one text; else it is run, and the
--      number of rows that it touched is the answer. goOn: an error does not end the request.
--      "of": n, "is": "FN": only where the request's step n (from 1) was answered by one of these letters; else its answer is null.
--      "plan": n: its plan serves each step of that number. "first": n: where a constraint refuses it, it refuses each of that number.
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
--   * constraints that wait for the end of the transaction are checked with the statement;
--   * what ends a request is run in the request's own subtransaction: who waits for a row that was put in within one that was
--     released waits for the whole transaction, past the lock timeout, and not for the request alone. Only what may fail and be
--     followed by other steps has a subtransaction of its own.
do $rowgate$
declare
  asked constant jsonb := pg_catalog.current_setting('rowgate.asked')::jsonb;
  roles constant text[] := array(select a ->> 'role' from pg_catalog.jsonb_array_elements(asked -> 'actors') with ordinality x (a, n) order by n);
  settings constant jsonb[] := array(select a -> 'settings' from pg_catalog.jsonb_array_elements(asked -> 'actors') with ordinality x (a, n) order by n);
  texts constant text[] := array(select s from pg_catalog.jsonb_array_elements_text(asked -> 'texts') with ordinality x (s, n) order by n);
  requests constant jsonb[] := array(select r from pg_catalog.jsonb_array_elements(asked -> 'requests') with ordinality x (r, n) order by n);
  refusing constant text := asked ->> 'constraint';
  request jsonb;
  step jsonb;
  own jsonb;
  actor int;
  command text;
  plan int;
  planned boolean[] := '{}';
  first int;
  refused text[] := '{}';
  answers text[] := '{}';
  steps text[];
  told text[];
  value text;
  touched bigint;
  became boolean;
  refusal boolean;
  done boolean;
  cut boolean := false;
  state text;
  said text;
begin
  set constraints all immediate;
  deallocate all;
  foreach request in array requests loop
    exit when cut;
    first := (request -> 0 ->> 'first')::int + 1;
    if refused[first] is not null then
      answers := answers || ('[' || refused[first] || ']');
      continue;
    end if;
    steps := '{}';
    told := '{}';
    done := false;
    state := null;
    begin
      for place in 0 .. pg_catalog.jsonb_array_length(request) - 1 loop
        step := request -> place;
        value := null;
        if step ? 'of' and pg_catalog.strpos(step ->> 'is', coalesce(told[(step ->> 'of')::int], '-')) = 0 then
          steps := steps || '{"value": null}'::text;
          continue;
        end if;
        became := false;
        refusal := false;
        if (step ->> 'goOn')::boolean or (step ->> 'stored')::boolean then
          begin
            {become}
            {execute}
          exception
            when insufficient_privilege then
              get stacked diagnostics state = returned_sqlstate, said = message_text;
              refusal := became and roles[actor] is not null and (step ->> 'stored')::boolean;
            {failures}
          end;
          if refusal then
            state := null;
            begin
              {become}
              said := pg_catalog.set_config('role', 'none', true);
              if exists (select from pg_catalog.pg_prepared_statements where name = 'rowgate_stored') then
                deallocate rowgate_stored;
              end if;
              execute 'prepare rowgate_stored as ' || command;
              said := pg_catalog.set_config('role', roles[actor], true);
              execute 'execute rowgate_stored' into value;
              steps := steps || pg_catalog.json_build_object('value', value)::text;
            exception
              {failures}
            end;
          end if;
          if state is not null then
            value := null;
            steps := steps || {failed};
            exit when cut or not (step ->> 'goOn')::boolean;
            state := null;
          end if;
        else
          {become}
          {execute}
        end if;
        told[place + 1] := value;
      end loop;
      done := true;
      raise exception 'undone';
    exception
      {failures}
    end;
    if not done then
      steps := steps || {failed};
      if first is not null and pg_catalog.cardinality(steps) = 1 and pg_catalog.starts_with(state, refusing) then
        refused[first] := steps[1];
      end if;
    end if;
    answers := answers || ('[' || pg_catalog.array_to_string(steps, ',') || ']');
  end loop;
  deallocate all;
  perform pg_catalog.set_config('role', 'none', true);
  perform pg_catalog.set_config('rowgate.answered', '[' || pg_catalog.array_to_string(answers, ',') || ']', true);
end $rowgate$
