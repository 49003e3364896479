-- The probe batch: what the direct channel runs, hundreds of probes in one statement.
-- It creates nothing, it works in a read-only transaction (for reads), and every probe's effect is undone.
--
-- In:  setting rowgate.batch (JSON, local to the transaction; src/probe/sql/protocol.ts has its type)
--        settings    [name, …]   what makes a session a persona's, besides the role
--        personas    [{"role", "login", "values": [value, …]}]   values in the order of "settings"; a login: who session_user is
--        home        [name, …]   settings that lead from a persona's session back to rowgate's own, besides the role
--        homeValues  [value, …]  in the order of "home"
--        baselines   [sql, …]    privileged: returns total, declared, hash of declared
--        preRequest  sql or null: PostgREST's db-pre-request, run as the persona before each probe
--        texts       [sql, …]    every other statement, each once: probes name them by number
--        arguments   ["(literal, …)", …]   what goes into a statement with parameters ($1, $2, …)
--        codes       what error codes mean (src/model/answers.ts): lists of codes, and of what codes begin with
--        probes      [{"persona", "method", "kind", "baseline", "statements": [text, …], "after": [text, …],
--                      "arguments": [arguments, …], "differences": text, "list": text, "guard", "plan", "upsert", "settles", "raises"}]
--                    (numbers count from 1)
--        hashed      true: each answer comes with its md5, as "md5"
--        failing     a statement that fails by itself, to learn what such an error's context looks like
--        keepsPlans  true: nothing that a plan could freeze depends on who asks (see "plan")
--        mutants     [{"changes": [sql, …], "probes": [[probe, unit], …], "most": units}], for rowgate mutate: of each its
--                    probes, once its changes are made, by rowgate's login. A unit is some neighbouring probes; when so many as
--                    "most" were answered otherwise than without the changes, the mutant is undone, and the next one is made
--        usual       what the probes are answered without any change: [md5 or null, …]; null: not known, and to be asked first;
--                    '': answered otherwise already, or to be told whatever it is answered. Row by row, a mutant's probe ends with
--                    the first row too many: more say no more; and it is left out (null) where the unit's answers differ already.
--                    One with '' that shows a row too many, or one too few, most likely decides, so the units after it wait
--      kinds: read    one read: statements[1] returns how many rows, and a hash, as the persona sees them
--             write   one write over all rows: each of the statements is tried until one goes through (a check may take one
--                     value and not another); "after" says, privileged and before it is undone, which rows it changed
--             rows    row by row: "list" yields, privileged, three arrays (suffix, declared, key); each of
--                     statements || suffix is tried until one reaches the row. "upsert": a constraint speaks when only
--                     INSERT's policies have been asked. "settles": nothing can suppress a write, so a row that a statement
--                     passes by without an error is filtered by USING, whatever the other statements would set. "raises": codes
--                     with which functions of the policies refuse a row
--             call    one call of a function: as read, and its deferred constraints are checked before it is undone
--             insert  each of the statements by itself; after[n] says, privileged, which columns were not stored as sent;
--                     arguments[n] are the parameters of both (of after[n] alone, where "plan" is missing)
--      guard 1: where a constraint stopped a write that can raise otherwise without foreign keys and triggers, it is sent again
--      with these off; 2: where any constraint did, or no row was affected (a BEFORE trigger may have changed or suppressed it). The login must be allowed to set session_replication_role.
--      With "differences", read and write return the keys themselves (text[]), and it compares them with what is declared.
--      plan: most of a small statement's time goes into its plan, above all where policies call functions. So a write
--      that comes again is prepared, as a query that counts the rows it wrote: 1, for this probe alone; 2 and more, for all
--      probes with the same number (same role). Without it, it is planned each time it is sent. For read, 1 says that the role
--      holds no SELECT: a refusal is no surprise.
-- Out: setting rowgate.answers (JSON): one array a probe, in order; fewer than asked when the statement timeout struck.
--      With mutants: "usual", completed, and one answer a mutant: units that were answered otherwise, as [{"unit", "answers"}],
--      or {"refused": [code, message]} where Postgres refuses the changes.
--
-- Why each piece stands where it stands:
--   * the role is switched, and checked, outside the handler that catches the probe's errors: a refusal to switch
--     must never look like a refusal of the policy;
--   * a probe's own success is a variable (done), which survives the undone subtransaction, so that no SQLSTATE
--     that the probed database raises can be mistaken for it;
--   * the context of an error that comes from the probe's statement itself is learnt by provoking one, so that frames
--     of functions and triggers are told apart whatever language the server speaks; an error that points into the
--     statement (a schema without USAGE: raised while the statement is read) has the block's own line alone;
--   * row_security is off for baselines: where the privileged login would be filtered, that raises instead of counting less;
--   * whatever holds a predicate of the matrix (baselines, lists, differences) is undone as well: a function that it calls may
--     have set or written something, and the next probe must not find it;
--   * a persona whose own SELECT failed gets plans of its own: the planner itself may have met the error (it evaluates
--     what a policy compares with), and somebody else's plan would hide it.
do $rowgate$
declare
  batch constant jsonb := current_setting('rowgate.batch')::jsonb;
  settings constant text[] := array(select jsonb_array_elements_text(batch->'settings'));
  baselines constant text[] := array(select jsonb_array_elements_text(batch->'baselines'));
  roles constant text[] := array(select p->>'role' from jsonb_array_elements(batch->'personas') with ordinality x(p, o) order by o);
  logins constant text[] := array(select p->>'login' from jsonb_array_elements(batch->'personas') with ordinality x(p, o) order by o);
  home constant text[] := array(select jsonb_array_elements_text(batch->'home'));
  home_values constant text[] := array(select jsonb_array_elements_text(batch->'homeValues'));
  home_count constant int := cardinality(home);
  session_values constant text[] := array(select v from jsonb_array_elements(batch->'personas') with ordinality x(p, o),
                                jsonb_array_elements_text(p->'values') with ordinality y(v, oo) order by o, oo);
  texts constant text[] := array(select jsonb_array_elements_text(batch->'texts'));
  arguments constant text[] := array(select jsonb_array_elements_text(batch->'arguments'));
  keeps_plans constant boolean := (batch->>'keepsPlans')::boolean;
  pre_request constant text := batch->>'preRequest';
  settings_count constant int := cardinality(settings);
  failing constant text := batch->>'failing';
  -- What error codes mean (src/model/answers.ts): codes, and the two characters that all codes of a class begin with.
  refused constant text[] := array(select jsonb_array_elements_text(batch->'codes'->'refused'));
  next_value constant text[] := array(select jsonb_array_elements_text(batch->'codes'->'nextValue'));
  after_policy constant text[] := array(select jsonb_array_elements_text(batch->'codes'->'afterPolicy'));
  in_place constant text[] := array(select jsonb_array_elements_text(batch->'codes'->'inPlace'));
  without_name constant text[] := array(select jsonb_array_elements_text(batch->'codes'->'withoutName'));
  routine_tells constant text[] := array(select jsonb_array_elements_text(batch->'codes'->'routineTells'));
  longest constant int := 2000;      -- of a message: a policy may raise one as long as a field may be
  answers text[] := '{}';
  baseline_total bigint[] := '{}'; baseline_declared bigint[] := '{}'; baseline_hash text[] := '{}'; baseline_error text[] := '{}';
  own_frame text;                       -- CONTEXT of an error that the statement itself raised, without its last line
  own text;
  prepared boolean[] := '{}';        -- by slot: plan * texts + text; plan 0 is the privileged one
  temporary int[] := '{}';             -- slots of this probe alone
  unsure_plan boolean[] := '{}';     -- by persona: its own SELECT failed
  texts_count constant int := cardinality(texts);
  plan int; slot int;
  suffixes text[]; declareds boolean[]; keys text[]; places int; place int; filtered boolean;
  listed text[] := '{}'; listed_declared text[] := '{}'; listed_keys text[] := '{}';  -- by text: what a list yielded, for all mutants
  probe record; i int; j int; mode text; stmt text;
  impersonating boolean;                   -- the session is the persona's, and not yet (or no more) rowgate's own
  affected bigint; hash text; after_rows bigint; after_text text; found_keys text[]; differing text; done boolean; stage text; ignored text;
  code text; message text; context text; constraint_name_told text; constraint_table text; constraint_schema text; data_type text; foreign_frame boolean;
  parts text[]; row_answer text; is_after_policy boolean;
  reached bigint; extra bigint; missing bigint; unknown bigint; checked bigint; hit boolean; unsure boolean;
  extra_keys text[]; missing_keys text[]; last_error text; tried bigint;
  refused_by_raise boolean;             -- a code of probe.raises was the answer at some row
  raised text[]; raised_rows bigint;    -- codes that functions raised, and at how many rows
  mutants constant jsonb[] := array(select jsonb_array_elements(batch->'mutants'));
  most int;
  mutating constant boolean := jsonb_typeof(batch->'mutants') is not null;
  all_probes constant jsonb[] := case when mutating then array(select jsonb_array_elements(batch->'probes')) end;
  probe_fields constant text := 'persona int, method text, kind text, baseline int, statements int[], after int[], arguments int[], differences int, list int, guard int, plan int, upsert boolean, settles boolean, raises text[]';
  usual text[] := array(select jsonb_array_elements_text(batch->'usual'));
  first_probes constant jsonb := case when not mutating then batch->'probes'
    else (select coalesce(jsonb_agg(all_probes[o]), '[]') from unnest(usual) with ordinality x(u, o) where u is null) end;
  wanted text; units text[]; differs boolean; found text[] := '{}';   -- that were answered otherwise; what is said of mutants
  unit int; cancelled boolean := false; undoing boolean; refused_change text; enough boolean;
begin
  -- What is asked of others, and of whom, is not for the policies to read.
  ignored := set_config('rowgate.batch', '', true);
  -- The last line of a context names this block and a line in it; before it stands the statement's own frame.
  begin
    execute failing into found_keys;
  exception when others then
    get stacked diagnostics context = pg_exception_context;
    own_frame := regexp_replace(context, '[^\n]*$', '');
  end;

  <<mutations>>
  for mutation in 0 .. cardinality(mutants) loop
  undoing := false; refused_change := null;
  begin
  if mutation > 0 then
    ignored := set_config('role', 'none', true);
    for j in 1 .. home_count loop ignored := pg_catalog.set_config(home[j], home_values[j], true); end loop;
    ignored := set_config('row_security', 'on', true);
    stage := 'change';
    for stmt in select jsonb_array_elements_text(mutants[mutation]->'changes') loop
      execute stmt;
    end loop;
    stage := 'changed';
    most := (mutants[mutation]->>'most')::int;
    answers := '{}'; wanted := null; differs := false; units := '{}'; unit := null; enough := false;
  end if;
  <<probes>>
  for probe in execute case when mutation = 0
      then 'select x.*, null::int as number, null::int as unit from jsonb_to_recordset($1) as x(' || probe_fields || ')'
      else 'select x.*, (l.of->>0)::int as number, (l.of->>1)::int as unit from jsonb_array_elements($2) with ordinality l(of, at), jsonb_to_record($3[(l.of->>0)::int]) as x(' || probe_fields || ')'
    end using first_probes, mutants[greatest(mutation, 1)]->'probes', all_probes
  loop
    if mutation > 0 then
      differs := differs or md5(answers[cardinality(answers)]) is distinct from wanted;
      if unit is distinct from probe.unit then
        if differs then
          units := units || concat('{"unit":', unit, ',"answers":[', array_to_string(answers, ','), ']}');
          exit probes when cardinality(units) >= most;
        end if;
        unit := probe.unit; answers := '{}'; wanted := null; differs := false;
        exit probes when enough;
      end if;
      wanted := usual[probe.number];
      if differs and wanted <> '' and probe.kind = 'rows' then
        answers := answers || 'null'::text;
        continue;
      end if;
    end if;
    -- Baselines first, privileged, once a batch: one snapshot serves baseline and probe.
    if probe.baseline is not null and baseline_total[probe.baseline] is null and baseline_error[probe.baseline] is null then
      ignored := set_config('role', 'none', true);
      for j in 1 .. home_count loop ignored := pg_catalog.set_config(home[j], home_values[j], true); end loop;
      ignored := set_config('row_security', 'off', true);
      done := false;
      begin
        execute baselines[probe.baseline] into affected, after_rows, hash;
        baseline_total[probe.baseline] := affected; baseline_declared[probe.baseline] := after_rows; baseline_hash[probe.baseline] := hash;
        done := true;
        raise exception 'rowgate: undo';
      exception
        when query_canceled then
          cancelled := true;
          exit probes;
        when others or assert_failure then
          if not done then
            get stacked diagnostics code = returned_sqlstate, message = message_text;
            baseline_error[probe.baseline] := json_build_array(code, left(message, longest))::text;
          end if;
      end;
    end if;
    if probe.baseline is not null and baseline_error[probe.baseline] is not null then
      answers := answers || json_build_object('baselineError', baseline_error[probe.baseline]::json)::text;
      continue;
    end if;

    places := case probe.kind when 'insert' then cardinality(probe.statements) else 1 end;
    if probe.kind = 'rows' and listed[probe.list] is null then
      ignored := set_config('role', 'none', true);
      for j in 1 .. home_count loop ignored := pg_catalog.set_config(home[j], home_values[j], true); end loop;
      ignored := set_config('row_security', 'off', true);
      done := false; code := null;
      begin
        execute texts[probe.list] into suffixes, declareds, keys;
        done := true;
        raise exception 'rowgate: undo';
      exception
        when query_canceled then
          cancelled := true;
          exit probes;
        when others or assert_failure then
          if not done then
            get stacked diagnostics code = returned_sqlstate, message = message_text;
          end if;
      end;
      if code is not null then
        answers := answers || json_build_object('baselineError', json_build_array(code, left(message, longest)))::text;
        continue;
      end if;
      listed[probe.list] := coalesce(suffixes, '{}')::text; listed_declared[probe.list] := coalesce(declareds, '{}')::text; listed_keys[probe.list] := coalesce(keys, '{}')::text;
    end if;
    if probe.kind = 'rows' then
      suffixes := listed[probe.list]::text[]; declareds := listed_declared[probe.list]::boolean[]; keys := listed_keys[probe.list]::text[];
      places := cardinality(suffixes);
    end if;

    parts := '{}'; impersonating := false;
    reached := 0; extra := 0; missing := 0; unknown := 0; checked := 0; tried := 0;
    extra_keys := '{}'; missing_keys := '{}'; last_error := null;
    raised := '{}'; raised_rows := 0; refused_by_raise := false;
    plan := case when probe.kind = 'read' then null when probe.plan > 1 and unsure_plan[probe.persona] then 1 else probe.plan end;

    for place in 1 .. places
    loop
      hit := false; unsure := false; filtered := false;
      <<variants>>
      for i in 1 .. case when probe.kind = 'insert' then 1 else cardinality(probe.statements) end loop
        mode := 'origin';
        <<modes>>
        loop
          stmt := case probe.kind
            when 'insert' then texts[probe.statements[place]]
            when 'rows' then texts[probe.statements[i]] || suffixes[place]
            else texts[probe.statements[i]] end;
          -- Who asks: outside of every handler, and once a probe, since what a statement sets is undone with it.
          if not impersonating then
            ignored := set_config('role', 'none', true);
            for j in 1 .. home_count loop ignored := pg_catalog.set_config(home[j], home_values[j], true); end loop;
            if mode = 'replica' then ignored := set_config('session_replication_role', 'replica', true); end if;
            ignored := set_config('row_security', 'on', true);
            for j in 1 .. settings_count loop
              ignored := set_config(settings[j], session_values[(probe.persona - 1) * settings_count + j], true);
            end loop;
            if probe.method is not null then ignored := set_config('request.method', probe.method, true); end if;
            if logins[probe.persona] is not null then ignored := set_config('session_authorization', logins[probe.persona], true); end if;
            -- Who logs in as the role has switched to none.
            ignored := set_config('role', case when roles[probe.persona] = logins[probe.persona] then 'none' else roles[probe.persona] end, true);
            impersonating := true;
          end if;
          if current_user <> roles[probe.persona] or session_user <> coalesce(logins[probe.persona], session_user) then
            raise exception 'rowgate: the session is %''s as %, and not %''s as %', session_user, current_user, logins[probe.persona], roles[probe.persona];
          end if;

          done := false; stage := 'probe'; affected := null; hash := null; after_rows := null; after_text := null; found_keys := null; differing := null;
          code := null; message := null; foreign_frame := null; constraint_name_told := null; constraint_table := null; data_type := null;
          begin
            if pre_request is not null then
              stage := 'pre-request';
              execute pre_request;
              stage := 'probe';
            end if;
            if probe.kind in ('read', 'call') then
              if probe.differences is null then
                execute stmt into affected, hash;
              else
                execute stmt into found_keys;
                affected := coalesce(cardinality(found_keys), 0);
              end if;
            elsif plan is null then
              execute stmt;
              get diagnostics affected = row_count;
            else
              slot := plan * texts_count + probe.statements[case probe.kind when 'insert' then place else i end];
              if prepared[slot] is not true then
                stmt := 'prepare rowgate_' || slot || ' as ' || stmt;
                execute stmt;
                prepared[slot] := true;
                if plan = 1 then temporary := temporary || slot; end if;
              end if;
              stmt := 'execute rowgate_' || slot || coalesce(arguments[probe.arguments[place]], '');
              execute stmt into affected;
            end if;
            if probe.kind = 'call' or affected > 0 and probe.kind <> 'read' then
              stage := 'constraints';
              execute 'set constraints all immediate';
            end if;
            stage := 'after';
            if affected > 0 and probe.kind in ('write', 'insert') and probe.after[place] is not null then
              ignored := set_config('role', 'none', true);
              for j in 1 .. home_count loop ignored := pg_catalog.set_config(home[j], home_values[j], true); end loop;
              ignored := set_config('row_security', 'off', true);
              if probe.differences is not null then
                execute texts[probe.after[1]] into found_keys;
              else
                slot := probe.after[place];
                if prepared[slot] is not true then
                  execute 'prepare rowgate_' || slot || ' as ' || texts[slot];
                  prepared[slot] := true;
                  if not keeps_plans then temporary := temporary || slot; end if;
                end if;
                execute 'execute rowgate_' || slot || coalesce(arguments[probe.arguments[place]], '') into after_rows, after_text;
              end if;
            end if;
            done := true;
            raise exception 'rowgate: undo';
          exception
            when query_canceled then
              if not done then stage := 'cancelled'; end if;
            when others or assert_failure then
              if not done then
                get stacked diagnostics code = returned_sqlstate, message = message_text, context = pg_exception_context,
                  constraint_name_told = constraint_name, constraint_table = table_name, constraint_schema = schema_name, data_type = pg_datatype_name;
                message := left(message, longest);
                own := replace(own_frame, failing, stmt);
                foreign_frame := case stage
                  when 'probe' then strpos(case when starts_with(context, own) then substr(context, length(own) + 1) else context end, E'\n') > 0
                  when 'constraints' then coalesce(constraint_name_told, '') = ''
                  else true end;
              end if;
          end;
          if mode = 'replica' then
            ignored := set_config('role', 'none', true);
            for j in 1 .. home_count loop ignored := pg_catalog.set_config(home[j], home_values[j], true); end loop;
            ignored := set_config('session_replication_role', 'origin', true);
            impersonating := false;
          end if;
          -- What was declared is asked once the probe is undone: a write may turn rows into declared ones.
          if done and probe.differences is not null then
            impersonating := false;
            ignored := set_config('role', 'none', true);
            for j in 1 .. home_count loop ignored := pg_catalog.set_config(home[j], home_values[j], true); end loop;
            ignored := set_config('row_security', 'off', true);
            begin
              execute texts[probe.differences] into differing using coalesce(found_keys, '{}');
              raise exception 'rowgate: undo';
            exception
              when query_canceled then stage := 'cancelled';
              when others or assert_failure then null; -- the baseline query went through: the counts that differ stand without keys
            end;
          end if;
          cancelled := stage = 'cancelled';
          exit probes when cancelled;

          -- By far most answers are one of the first two; json_build_object takes longer than many a probe.
          row_answer := case
            when code is null and affected is not null and after_text is null and hash is null and differing is null and mode = 'origin' and i = 1 then '{"rows":' || affected || '}'
            when code is not null and stage = 'probe' and affected is null and i = 1 and mode = 'origin' and probe.kind <> 'rows'
              and concat(constraint_name_told, constraint_table, data_type) = ''
              then concat('{"code":"', code, '","message":', to_json(message), ',"foreignFrame":', foreign_frame::text, ',"stage":"probe"}')
            else json_strip_nulls(json_build_object(
              'code', code, 'message', message, 'rows', affected, 'hash', hash, 'after', after_text, 'differences', differing::json, 'foreignFrame', foreign_frame, 'stage', nullif(stage, 'after'),
              'constraint', nullif(constraint_name_told, ''), 'table', nullif(concat_ws('.', nullif(constraint_schema, ''), nullif(constraint_table, '')), ''), 'dataType', nullif(data_type, ''),
              'mode', nullif(mode, 'origin'), 'variant', nullif(i, 1), 'sql', case when probe.kind = 'rows' and code = any(routine_tells) then stmt end))::text end;

          is_after_policy := code is not null and (code = any(after_policy) or left(code, 2) = any(after_policy));
          if probe.kind = 'rows' then
            if code is null and affected > 0 then hit := true;
            elsif code is null then filtered := probe.settles is true;
            elsif is_after_policy and probe.upsert is not true and not foreign_frame and data_type = '' and (constraint_name_told <> '' or code = any(without_name)) then
              hit := true; last_error := row_answer;
            elsif code = any(probe.raises) and foreign_frame and stage = 'probe' then refused_by_raise := true; last_error := row_answer;
            elsif code = any(refused) and not foreign_frame then last_error := row_answer; -- this value is refused: the next one is tried
            else unsure := true; last_error := row_answer;
            end if;
          else
            parts := parts || row_answer;
          end if;

          -- Foreign keys and BEFORE triggers stand between a policy and its effect; with both off
          -- (they are off for a replica) the same statement shows what the policy itself lets through. Where no trigger
          -- touches the row, its own constraints raise the same again; and each switch throws away every plan of the session.
          exit modes when mode = 'replica' or probe.kind <> 'write' or probe.guard is null
            or not (is_after_policy or (probe.guard > 1 and code is null and affected = 0))
            or (probe.guard = 1 and stage = 'probe' and code = any(in_place) and not foreign_frame);
          mode := 'replica'; impersonating := false;
        end loop modes;
        exit variants when probe.kind = 'insert' or (probe.kind = 'rows' and (hit or filtered))
          or (probe.kind <> 'rows' and (code is null or foreign_frame or not (code = any(next_value) or left(code, 2) = any(next_value))));
      end loop variants;

      if probe.kind = 'rows' then
        tried := tried + 1;
        if hit then
          reached := reached + 1;
          if not declareds[place] then
            extra := extra + 1;
            if cardinality(extra_keys) < 3 then extra_keys := extra_keys || keys[place]; end if;
          end if;
        elsif unsure then
          unknown := unknown + 1;
          if stage = 'probe' and foreign_frame then
            raised_rows := raised_rows + 1;
            if not code = any(raised) then raised := raised || code; end if;
          end if;
        elsif declareds[place] then
          missing := missing + 1;
          if cardinality(missing_keys) < 3 then missing_keys := missing_keys || keys[place]; end if;
        end if;
        exit when mutation > 0 and extra > 0;
      end if;
    end loop;

    if probe.kind = 'read' and code is not null and not (code = any(refused) and probe.plan = 1) then unsure_plan[probe.persona] := true; end if;
    foreach slot in array temporary loop
      execute 'deallocate rowgate_' || slot;
      prepared[slot] := false;
    end loop;
    temporary := '{}';

    if probe.kind = 'rows' then
      enough := enough or mutation > 0 and usual[probe.number] = '' and (extra > 0 or missing > 0 and unknown = 0);
      answers := answers || json_build_object('baseline', json_build_array(baseline_total[probe.baseline], baseline_declared[probe.baseline]),
        'rowByRow', json_build_object('tried', tried, 'affected', reached, 'unexpected', extra, 'missing', missing, 'unknown', unknown,
          'unexpectedKeys', extra_keys, 'missingKeys', missing_keys, 'last', last_error::json,
            'refusedByRaise', case when refused_by_raise then true end, 'raised', case when raised_rows > 0 then to_json(raised) end, 'raisedRows', raised_rows))::text;
    elsif probe.baseline is null then
      answers := answers || ('{"parts":[' || array_to_string(parts, ',') || ']}');
    else
      answers := answers || ('{"baseline":[' || baseline_total[probe.baseline] || ',' || baseline_declared[probe.baseline] || ',"' || coalesce(baseline_hash[probe.baseline], '') || '"],"parts":['
        || array_to_string(parts, ',') || ']}');
    end if;
  end loop probes;
  if mutation > 0 and cardinality(units) < most and not cancelled then
    differs := differs or md5(answers[cardinality(answers)]) is distinct from wanted;
    if differs then units := units || concat('{"unit":', unit, ',"answers":[', array_to_string(answers, ','), ']}'); end if;
  end if;
  undoing := mutation > 0;
  if undoing then raise exception 'rowgate: undo'; end if;
  exception
    when query_canceled then cancelled := true;
    when others or assert_failure then
      if not undoing then
        -- What a probe raises is caught around it.
        if mutation = 0 or stage <> 'change' then raise; end if;
        get stacked diagnostics code = returned_sqlstate, message = message_text;
        refused_change := json_build_object('refused', json_build_array(code, left(message, longest)))::text;
      end if;
  end;
  exit mutations when cancelled;
  if mutation > 0 then
    found := found || coalesce(refused_change, '[' || array_to_string(units, ',') || ']');
  elsif mutating then
    place := 0;
    for j in 1 .. cardinality(usual) loop
      if usual[j] is null then place := place + 1; usual[j] := md5(answers[place]); end if;
    end loop;
  end if;
  end loop mutations;
  ignored := set_config('role', 'none', true);
  for j in 1 .. home_count loop ignored := pg_catalog.set_config(home[j], home_values[j], true); end loop;
  ignored := set_config('rowgate.answers', case
    when not mutating and (batch->>'hashed')::boolean then (select '[' || coalesce(string_agg(left(a, -1) || ',"md5":"' || md5(a) || '"}', ',' order by o), '') || ']' from unnest(answers) with ordinality x(a, o))
    when not mutating then '[' || array_to_string(answers, ',') || ']'
    else '[' || to_json(usual) || ',[' || array_to_string(found, ',') || ']]' end, true);
end
$rowgate$
