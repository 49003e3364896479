-- The probe batch: what the direct channel runs, hundreds of probes in one statement.
-- It creates nothing, it works in a read-only transaction (for reads), and every probe's effect is undone.
--
-- In:  setting rowgate.batch (JSON, local to the transaction)
--        settings  [name, …]                        what makes a session somebody's, besides the role
--        personas  [{"r": role, "l": login, "v": [value, …]}]   values in the order of "settings"; a login: who session_user is
--        home      [name, …]  settings that lead from a persona's session back to rowgate's own, besides the role
--        homeVals  [value, …] in the order of "home"
--        controls  [sql, …]   with full sight: returns total, declared, hash of declared
--        pre       sql or null: PostgREST's db-pre-request, run as the persona before each probe
--        texts     [sql, …]   every other statement, each once: probes name them by number
--        args      ["(literal, …)", …]   what goes into a statement with parameters ($1, $2, …)
--        probes    [{"p": persona, "m": method, "k": kind, "c": control, "q": [text, …], "a": [text, …],
--                    "v": [args, …], "d": text, "l": text, "g": guard, "s": plan, "u": insert first}]
--                   (numbers count from 1)
--        codes     what error codes mean: lists of codes, and of what codes begin with
--        calm      a statement that fails by itself, to learn what such an error's context looks like
--        keep      true: nothing that a plan could freeze depends on who asks (see "s")
--      kinds: r  one read: q[1] returns how many rows, and a hash, as the persona sees them
--             w  one write over all rows: each of q is tried until one goes through (a check may take one value and not another); a says, with full sight and
--                before it is undone, which rows it changed
--             e  row by row: l lists, with full sight, three arrays (suffix, declared, key); each of q || suffix is tried
--                until one reaches the row. u: an upsert, of which a constraint speaks when only INSERT's policies have been asked
--             f  one call of a function: as r, and its deferred constraints are checked before it is undone
--             i  each of q by itself; a[n] tells, with full sight, which columns were not stored as sent; v[n] are the
--                parameters of both (of a[n] alone, where s is missing)
--      guard 1: where a constraint stopped a write, it is sent again with foreign keys and triggers off; 2: also where no
--      row was affected (a BEFORE trigger may have swallowed it). The login must be allowed to set session_replication_role.
--      With d, r and w return the keys themselves (text[]) and d compares them with what is declared.
--      s, the plan: most of a small statement's time goes into its plan, above all where policies call functions. So a write
--      that comes again is prepared, as a query that counts the rows it wrote: 1, for this probe alone; 2 and more, for all
--      probes with the same number (same role). Without s it is planned each time it is sent. For r, 1 says that the role
--      holds no SELECT: a refusal is no surprise.
-- Out: setting rowgate.answers (JSON): one array a probe, in order; fewer than asked when the statement timeout struck.
--
-- Why each piece stands where it stands:
--   * the role is switched, and checked, outside the handler that catches the probe's errors: a refusal to switch
--     must never look like a refusal of the policy;
--   * a probe's own success is a variable (done), which survives the undone subtransaction, so that no SQLSTATE
--     that the probed database raises can be mistaken for it;
--   * the context of an error that comes from the probe's statement itself is learnt by provoking one, so that frames
--     of functions and triggers are told apart whatever language the server speaks; an error that points into the
--     statement (a schema without USAGE: raised while the statement is read) has the block's own line alone;
--   * row_security is off for controls: where full sight would be filtered, that raises instead of counting less;
--   * whatever holds a predicate of the matrix (controls, lists, differences) is undone as well: a function that it calls may
--     have set or written something, and the next probe must not find it;
--   * a persona whose own SELECT failed gets plans of its own: the planner itself may have met the error (it evaluates
--     what a policy compares with), and somebody else's plan would hide it.
do $rowgate$
declare
  batch constant jsonb := current_setting('rowgate.batch')::jsonb;
  settings constant text[] := array(select jsonb_array_elements_text(batch->'settings'));
  controls constant text[] := array(select jsonb_array_elements_text(batch->'controls'));
  roles constant text[] := array(select p->>'r' from jsonb_array_elements(batch->'personas') with ordinality x(p, o) order by o);
  logins constant text[] := array(select p->>'l' from jsonb_array_elements(batch->'personas') with ordinality x(p, o) order by o);
  home constant text[] := array(select jsonb_array_elements_text(batch->'home'));
  home_vals constant text[] := array(select jsonb_array_elements_text(batch->'homeVals'));
  nhome constant int := cardinality(home);
  vals constant text[] := array(select v from jsonb_array_elements(batch->'personas') with ordinality x(p, o),
                                jsonb_array_elements_text(p->'v') with ordinality y(v, oo) order by o, oo);
  texts constant text[] := array(select jsonb_array_elements_text(batch->'texts'));
  args constant text[] := array(select jsonb_array_elements_text(batch->'args'));
  keep constant boolean := (batch->>'keep')::boolean;
  pre constant text := batch->>'pre';
  nsettings constant int := cardinality(settings);
  calm constant text := batch->>'calm';
  -- What error codes mean (src/model/answers.ts): codes, and the two characters that all codes of a class begin with.
  refused constant text[] := array(select jsonb_array_elements_text(batch->'codes'->'refused'));
  next_value constant text[] := array(select jsonb_array_elements_text(batch->'codes'->'nextValue'));
  after_policy constant text[] := array(select jsonb_array_elements_text(batch->'codes'->'afterPolicy'));
  without_name constant text[] := array(select jsonb_array_elements_text(batch->'codes'->'withoutName'));
  routine_tells constant text[] := array(select jsonb_array_elements_text(batch->'codes'->'routineTells'));
  longest constant int := 2000;      -- of a message: a policy may raise one as long as a field may be
  answers text[] := '{}';
  ctotal bigint[] := '{}'; cdeclared bigint[] := '{}'; chash text[] := '{}'; cerror text[] := '{}';
  framed text;                       -- CONTEXT of an error that the statement itself raised, without its last line
  own text;
  prepared boolean[] := '{}';        -- by slot: plan * texts + text; plan 0 is full sight's
  passing int[] := '{}';             -- slots of this probe alone
  unsure_plan boolean[] := '{}';     -- by persona: its own SELECT failed
  ntexts constant int := cardinality(texts);
  plan int; slot int;
  suffixes text[]; declareds boolean[]; keys text[]; spots int; spot int;
  probe record; i int; j int; mode text; stmt text;
  dressed boolean;                   -- the session is the persona's, and not yet (or no more) rowgate's own
  n bigint; h text; an bigint; ah text; ks text[]; diff text; done boolean; stage text; ignored text;
  code text; message text; context text; cname text; ctable text; cschema text; dtype text; away boolean;
  parts text[]; row_answer text; is_after_policy boolean;
  reached bigint; extra bigint; missing bigint; unknown bigint; checked bigint; hit boolean; unsure boolean;
  extra_keys text[]; missing_keys text[]; last_error text; tried bigint;
begin
  -- What is asked of others, and of whom, is not for the policies to read.
  ignored := set_config('rowgate.batch', '', true);
  -- The last line of a context names this block and a line in it; before it stands the statement's own frame.
  begin
    execute calm into ks;
  exception when others then
    get stacked diagnostics context = pg_exception_context;
    framed := regexp_replace(context, '[^\n]*$', '');
  end;

  for probe in
    select * from jsonb_to_recordset(batch->'probes')
      as x(p int, m text, k text, c int, q int[], a int[], v int[], d int, l int, g int, s int, u boolean)
  loop
    -- Controls first, with full sight, once a batch: one snapshot serves control and probe.
    if probe.c is not null and ctotal[probe.c] is null and cerror[probe.c] is null then
      ignored := set_config('role', 'none', true);
      for j in 1 .. nhome loop ignored := pg_catalog.set_config(home[j], home_vals[j], true); end loop;
      ignored := set_config('row_security', 'off', true);
      done := false;
      begin
        execute controls[probe.c] into n, an, h;
        ctotal[probe.c] := n; cdeclared[probe.c] := an; chash[probe.c] := h;
        done := true;
        raise exception 'rowgate: undo';
      exception
        when query_canceled then
          exit;
        when others or assert_failure then
          if not done then
            get stacked diagnostics code = returned_sqlstate, message = message_text;
            cerror[probe.c] := json_build_array(code, left(message, longest))::text;
          end if;
      end;
    end if;
    if probe.c is not null and cerror[probe.c] is not null then
      answers := answers || json_build_object('ce', cerror[probe.c]::json)::text;
      continue;
    end if;

    spots := case probe.k when 'i' then cardinality(probe.q) else 1 end;
    if probe.k = 'e' then
      ignored := set_config('role', 'none', true);
      for j in 1 .. nhome loop ignored := pg_catalog.set_config(home[j], home_vals[j], true); end loop;
      ignored := set_config('row_security', 'off', true);
      done := false; code := null;
      begin
        execute texts[probe.l] into suffixes, declareds, keys;
        done := true;
        raise exception 'rowgate: undo';
      exception
        when query_canceled then
          exit;
        when others or assert_failure then
          if not done then
            get stacked diagnostics code = returned_sqlstate, message = message_text;
          end if;
      end;
      if code is not null then
        answers := answers || json_build_object('ce', json_build_array(code, left(message, longest)))::text;
        continue;
      end if;
      spots := coalesce(cardinality(suffixes), 0);
    end if;

    parts := '{}'; dressed := false;
    reached := 0; extra := 0; missing := 0; unknown := 0; checked := 0; tried := 0;
    extra_keys := '{}'; missing_keys := '{}'; last_error := null;
    plan := case when probe.k = 'r' then null when probe.s > 1 and unsure_plan[probe.p] then 1 else probe.s end;

    for spot in 1 .. spots
    loop
      hit := false; unsure := false;
      <<variants>>
      for i in 1 .. case when probe.k = 'i' then 1 else cardinality(probe.q) end loop
        mode := 'origin';
        <<modes>>
        loop
          stmt := case probe.k
            when 'i' then texts[probe.q[spot]]
            when 'e' then texts[probe.q[i]] || suffixes[spot]
            else texts[probe.q[i]] end;
          -- Who asks: outside of every handler, and once a probe, since what a statement sets is undone with it.
          if not dressed then
            ignored := set_config('role', 'none', true);
            for j in 1 .. nhome loop ignored := pg_catalog.set_config(home[j], home_vals[j], true); end loop;
            if mode = 'replica' then ignored := set_config('session_replication_role', 'replica', true); end if;
            ignored := set_config('row_security', 'on', true);
            for j in 1 .. nsettings loop
              ignored := set_config(settings[j], vals[(probe.p - 1) * nsettings + j], true);
            end loop;
            if probe.m is not null then ignored := set_config('request.method', probe.m, true); end if;
            if logins[probe.p] is not null then ignored := set_config('session_authorization', logins[probe.p], true); end if;
            ignored := set_config('role', roles[probe.p], true);
            dressed := true;
          end if;
          if current_user <> roles[probe.p] or session_user <> coalesce(logins[probe.p], session_user) then
            raise exception 'rowgate: the session is %''s as %, and not %''s as %', session_user, current_user, logins[probe.p], roles[probe.p];
          end if;

          done := false; stage := 'probe'; n := null; h := null; an := null; ah := null; ks := null; diff := null;
          code := null; message := null; away := null; cname := null; ctable := null; dtype := null;
          begin
            if pre is not null then
              stage := 'pre-request';
              execute pre;
              stage := 'probe';
            end if;
            if probe.k in ('r', 'f') then
              if probe.d is null then
                execute stmt into n, h;
              else
                execute stmt into ks;
                n := coalesce(cardinality(ks), 0);
              end if;
            elsif plan is null then
              execute stmt;
              get diagnostics n = row_count;
            else
              slot := plan * ntexts + probe.q[case probe.k when 'i' then spot else i end];
              if prepared[slot] is not true then
                stmt := 'prepare rowgate_' || slot || ' as ' || stmt;
                execute stmt;
                prepared[slot] := true;
                if plan = 1 then passing := passing || slot; end if;
              end if;
              stmt := 'execute rowgate_' || slot || coalesce(args[probe.v[spot]], '');
              execute stmt into n;
            end if;
            if probe.k = 'f' or n > 0 and probe.k <> 'r' then
              stage := 'constraints';
              execute 'set constraints all immediate';
            end if;
            stage := 'control';
            if n > 0 and probe.k in ('w', 'i') and probe.a[spot] is not null then
              ignored := set_config('role', 'none', true);
              for j in 1 .. nhome loop ignored := pg_catalog.set_config(home[j], home_vals[j], true); end loop;
              ignored := set_config('row_security', 'off', true);
              if probe.d is not null then
                execute texts[probe.a[1]] into ks;
              else
                slot := probe.a[spot];
                if prepared[slot] is not true then
                  execute 'prepare rowgate_' || slot || ' as ' || texts[slot];
                  prepared[slot] := true;
                  if not keep then passing := passing || slot; end if;
                end if;
                execute 'execute rowgate_' || slot || coalesce(args[probe.v[spot]], '') into an, ah;
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
                  cname = constraint_name, ctable = table_name, cschema = schema_name, dtype = pg_datatype_name;
                message := left(message, longest);
                own := replace(framed, calm, stmt);
                away := case stage
                  when 'probe' then strpos(case when starts_with(context, own) then substr(context, length(own) + 1) else context end, E'\n') > 0
                  when 'constraints' then coalesce(cname, '') = ''
                  else true end;
              end if;
          end;
          if mode = 'replica' then
            ignored := set_config('role', 'none', true);
            for j in 1 .. nhome loop ignored := pg_catalog.set_config(home[j], home_vals[j], true); end loop;
            ignored := set_config('session_replication_role', 'origin', true);
            dressed := false;
          end if;
          -- What was declared is asked once the probe is undone: a write may turn rows into declared ones.
          if done and probe.d is not null then
            dressed := false;
            ignored := set_config('role', 'none', true);
            for j in 1 .. nhome loop ignored := pg_catalog.set_config(home[j], home_vals[j], true); end loop;
            ignored := set_config('row_security', 'off', true);
            begin
              execute texts[probe.d] into diff using coalesce(ks, '{}');
              raise exception 'rowgate: undo';
            exception
              when query_canceled then stage := 'cancelled';
              when others or assert_failure then null; -- the control went through: the counts that differ stand without keys
            end;
          end if;
          if stage = 'cancelled' then
            ignored := set_config('role', 'none', true);
            for j in 1 .. nhome loop ignored := pg_catalog.set_config(home[j], home_vals[j], true); end loop;
            ignored := set_config('rowgate.answers', '[' || array_to_string(answers, ',') || ']', true);
            return;
          end if;

          -- By far most answers are one of the first two; json_build_object takes longer than many a probe.
          row_answer := case
            when code is null and n is not null and ah is null and h is null and diff is null and mode = 'origin' and i = 1 then '{"n":' || n || '}'
            when code is not null and stage = 'probe' and n is null and i = 1 and mode = 'origin' and probe.k <> 'e'
              and concat(cname, ctable, dtype) = ''
              then concat('{"code":"', code, '","message":', to_json(message), ',"away":', away::text, ',"stage":"probe"}')
            else json_strip_nulls(json_build_object(
              'code', code, 'message', message, 'n', n, 'h', h, 'an', an, 'ah', ah, 'd', diff::json, 'away', away, 'stage', nullif(stage, 'control'),
              'cname', nullif(cname, ''), 'ctable', nullif(concat_ws('.', nullif(cschema, ''), nullif(ctable, '')), ''), 'dtype', nullif(dtype, ''),
              'mode', nullif(mode, 'origin'), 'v', nullif(i, 1), 'sql', case when probe.k = 'e' and code = any(routine_tells) then stmt end))::text end;

          is_after_policy := code is not null and (code = any(after_policy) or left(code, 2) = any(after_policy));
          if probe.k = 'e' then
            if code is null and n > 0 then hit := true;
            elsif code is null then null;
            elsif is_after_policy and probe.u is not true and not away and dtype = '' and (cname <> '' or code = any(without_name)) then
              hit := true; last_error := row_answer;
            elsif code = any(refused) and not away then last_error := row_answer; -- this value is refused: the next one is tried
            else unsure := true; last_error := row_answer;
            end if;
          else
            parts := parts || row_answer;
          end if;

          -- Foreign keys and BEFORE triggers stand between a policy and its effect; with both off
          -- (they are off for a replica) the same statement shows what the policy itself lets through.
          exit modes when mode = 'replica' or probe.k <> 'w' or probe.g is null
            or not (is_after_policy or (probe.g > 1 and code is null and n = 0));
          mode := 'replica'; dressed := false;
        end loop modes;
        exit variants when probe.k = 'i' or (probe.k = 'e' and hit)
          or (probe.k <> 'e' and (code is null or away or not (code = any(next_value) or left(code, 2) = any(next_value))));
      end loop variants;

      if probe.k = 'e' then
        tried := tried + 1;
        if hit then
          reached := reached + 1;
          if not declareds[spot] then
            extra := extra + 1;
            if cardinality(extra_keys) < 3 then extra_keys := extra_keys || keys[spot]; end if;
          end if;
        elsif unsure then
          unknown := unknown + 1;
        elsif declareds[spot] then
          missing := missing + 1;
          if cardinality(missing_keys) < 3 then missing_keys := missing_keys || keys[spot]; end if;
        end if;
      end if;
    end loop;

    if probe.k = 'r' and code is not null and not (code = any(refused) and probe.s = 1) then unsure_plan[probe.p] := true; end if;
    foreach slot in array passing loop
      execute 'deallocate rowgate_' || slot;
      prepared[slot] := false;
    end loop;
    passing := '{}';

    if probe.k = 'e' then
      answers := answers || json_build_object('c', json_build_array(ctotal[probe.c], cdeclared[probe.c]),
        'e', json_build_object('tried', tried, 'affected', reached, 'unexpected', extra, 'missing', missing, 'unknown', unknown,
          'unexpectedKeys', extra_keys, 'missingKeys', missing_keys, 'last', last_error::json))::text;
    elsif probe.c is null then
      answers := answers || ('{"t":[' || array_to_string(parts, ',') || ']}');
    else
      answers := answers || ('{"c":[' || ctotal[probe.c] || ',' || cdeclared[probe.c] || ',"' || coalesce(chash[probe.c], '') || '"],"t":['
        || array_to_string(parts, ',') || ']}');
    end if;
  end loop;
  ignored := set_config('role', 'none', true);
  for j in 1 .. nhome loop ignored := pg_catalog.set_config(home[j], home_vals[j], true); end loop;
  ignored := set_config('rowgate.answers', '[' || array_to_string(answers, ',') || ']', true);
end
$rowgate$
