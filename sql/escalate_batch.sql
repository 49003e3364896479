-- The batch of the search for escalation: each step is a chain of statements that one persona sends; what that persona (and
-- others) reaches afterwards is measured in the same subtransaction, which is then undone. Nothing is created in the target.
--
-- In:  setting rowgate.escalation (JSON, once a connection; src/escalate/engine.ts has its type)
--        settings    [name, …]   what makes a session a persona's, besides the role
--        personas    [{"role", "login", "values": [value, …]}]
--        home        whom rowgate logs in as
--        preRequest  sql or null: PostgREST's db-pre-request
--        statements  [{"sql", "kind", "failing"}]   kind: read (array of keys; $1 is text[]), undone (the same, and undone by itself),
--                                        call (array of answers), write (no answer: it goes through or not)
--                                        failing: sent where a constraint stops the statement; its error holds `rowgate {keys}`
--        keySets     ["{…}", …]  keys that a measurement asks about
--        measures    [{"persona", "statement", "keys", "later", "after", "profile"}]   keys 0: those that the step wrote to its target;
--                    later: keys that are asked about too where measure `after` (0: none) has gained them in this step;
--                    profile: what its answer depends on (0: it is asked each time)
--        profiles    [[digest, …], …]   profile × relation: by which of the relation's digests (0: not on the relation)
--        lists       [[measure, …], …]
--        own         [[list, …], …]   persona × relation: what depends on the relation
--        others      [[list, …], …]   the same, of what the persona sees, for when it is not the one who steps
--        relations   [{"oid", "changed", "gone", "keys", "digests", "digestCount"}]   privileged statements; digests: one of each set
--                    of columns on which some measurement depends; $1: the relation's keys, $2: what the step says, in whatever way
--        hook        {"sql", "setting", "relations": [relation, …]} or null: the claims of the persona's next token
--        constraintClass  what the codes of constraints begin with
--      setting rowgate.steps (JSON, a batch)
--        milliseconds  after which no step is begun
--        nothing     '{hash, …}'  measurements that showed nothing in earlier batches, each with the digests that it depends on
--        steps       [{"id", "persona", "statements": [sql, …], "target", "also": [persona, …], "measure": [measure, …],
--                      "privileged", "view", "views", "exposes", "settings", "personas": [persona, …]}]
--                    {new} in a statement: the key of the row that the chain has written to its target so far.
--                    measure: exactly these.
--                    personas: who sends each statement, where it is not always `persona`: one invites, the other accepts.
--                    privileged: the first statement is not the persona's (a sign-up is the auth server's)
--                    view: the measurement of whether the persona sees what it wrote to its target. views: a list, of whether others
--                    do, which is asked where it does not see all, or exposes is true
--                    settings: it may change more than rows, so what it shows is neither taken from other steps nor kept for them
-- Out: setting rowgate.answers (JSON): {"nothing": ["hash", …], "steps": …}, for each step that was reached, in order
--        {"id", "code", "message", "touched", "written": [relation, …], "changed": [[relation, keys], …], "gone": [[relation, keys], …],
--         "gained": [[measure, keys], …], "failed": [[measure, code], …], "audience": [[measure, keys], …], "hooked": true}
--
-- Why each piece stands where it stands:
--   * counters of written rows survive an inner rollback, so they are read right before each step; the deleted ones above bit 40,
--     for each step reads those of all tables, and numbers cost less than texts;
--   * the role is switched, and checked, outside the handler that catches the step's errors;
--   * keys are compared in the statement itself: a comparison of a plain key is leakproof, so that Postgres asks the policies
--     only about rows that could be gained;
--   * UPDATE and DELETE of rows by their keys meet the policies of SELECT too, so they ask only about rows that can be read;
--   * DELETE has no locking clause that would ask its policies, so it is sent and undone; where a foreign key stops it, it is
--     sent again so that it fails by itself, with all rows deleted, before foreign keys are checked. (To put these aside by
--     session_replication_role would make Postgres plan every statement anew, those of this block too.)
--   * a measurement is prepared, by role: most of its time is the plan, above all where policies call functions;
--   * everything is undone after each step, so that a measurement depends on nothing but the rows that the step wrote: where these
--     leave the same values, in the columns that it reads, as after a step when it showed nothing, it shows nothing again.
--     Digests of large tables would cost more than the measurement;
--   * a hash table in an array is read and written in place; hashes are of 64 bits, so that two that are alike are the same.
do $rowgate$
#variable_conflict use_variable
declare
  fixed constant jsonb := current_setting('rowgate.escalation')::jsonb;
  asked constant jsonb := current_setting('rowgate.steps')::jsonb;
  settings constant text[] := array(select jsonb_array_elements_text(fixed->'settings'));
  settings_count constant int := cardinality(settings);
  roles constant text[] := array(select p->>'role' from jsonb_array_elements(fixed->'personas') with ordinality x(p, o) order by o);
  logins constant text[] := array(select p->>'login' from jsonb_array_elements(fixed->'personas') with ordinality x(p, o) order by o);
  session_values constant text[] := array(select v from jsonb_array_elements(fixed->'personas') with ordinality x(p, o),
                                    jsonb_array_elements_text(p->'values') with ordinality y(v, oo) order by o, oo);
  home constant text := fixed->>'home';
  pre_request constant text := fixed->>'preRequest';
  constraint_class constant text := fixed->>'constraintClass';
  statements constant text[] := array(select s->>'sql' from jsonb_array_elements(fixed->'statements') with ordinality x(s, o) order by o);
  failing constant text[] := array(select s->>'failing' from jsonb_array_elements(fixed->'statements') with ordinality x(s, o) order by o);
  kinds constant text[] := array(select s->>'kind' from jsonb_array_elements(fixed->'statements') with ordinality x(s, o) order by o);
  key_sets constant text[] := array(select jsonb_array_elements_text(fixed->'keySets'));
  measure_personas constant int[] := array(select (m->>'persona')::int from jsonb_array_elements(fixed->'measures') with ordinality x(m, o) order by o);
  measure_statements constant int[] := array(select (m->>'statement')::int from jsonb_array_elements(fixed->'measures') with ordinality x(m, o) order by o);
  measure_keys constant int[] := array(select (m->>'keys')::int from jsonb_array_elements(fixed->'measures') with ordinality x(m, o) order by o);
  measure_later constant int[] := array(select (m->>'later')::int from jsonb_array_elements(fixed->'measures') with ordinality x(m, o) order by o);
  measure_after constant int[] := array(select (m->>'after')::int from jsonb_array_elements(fixed->'measures') with ordinality x(m, o) order by o);
  relations constant oid[] := array(select (r->>'oid')::oid from jsonb_array_elements(fixed->'relations') with ordinality x(r, o) order by o);
  changed_sql constant text[] := array(select r->>'changed' from jsonb_array_elements(fixed->'relations') with ordinality x(r, o) order by o);
  gone_sql constant text[] := array(select r->>'gone' from jsonb_array_elements(fixed->'relations') with ordinality x(r, o) order by o);
  measure_profiles constant int[] := array(select (m->>'profile')::int from jsonb_array_elements(fixed->'measures') with ordinality x(m, o) order by o);
  profiles constant int[] := array(select i::int from jsonb_array_elements(fixed->'profiles') with ordinality x(l, o), jsonb_array_elements_text(l) with ordinality y(i, oo) order by o, oo);
  relation_keys constant int[] := array(select (r->>'keys')::int from jsonb_array_elements(fixed->'relations') with ordinality x(r, o) order by o);
  digest_sql constant text[] := array(select r->>'digests' from jsonb_array_elements(fixed->'relations') with ordinality x(r, o) order by o);
  digest_starts constant int[] := array(select (coalesce(sum((r->>'digestCount')::int) over (order by o rows between unbounded preceding and 1 preceding), 0))::int
                                        from jsonb_array_elements(fixed->'relations') with ordinality x(r, o) order by o);
  is_small constant boolean[] := array(select pg_relation_size(o) < 1000000 from unnest(relations) with ordinality x(o, place) order by place);
  relation_count constant int := cardinality(relations);
  list_items constant int[] := array(select i::int from jsonb_array_elements(fixed->'lists') with ordinality x(l, o), jsonb_array_elements_text(l) with ordinality y(i, oo) order by o, oo);
  list_sizes constant int[] := array(select jsonb_array_length(l) from jsonb_array_elements(fixed->'lists') with ordinality x(l, o) order by o);
  list_starts int[] := '{}';
  own constant int[] := array(select i::int from jsonb_array_elements(fixed->'own') with ordinality x(l, o), jsonb_array_elements_text(l) with ordinality y(i, oo) order by o, oo);
  others constant int[] := array(select i::int from jsonb_array_elements(fixed->'others') with ordinality x(l, o), jsonb_array_elements_text(l) with ordinality y(i, oo) order by o, oo);
  changed_others constant int[] := array(select i::int from jsonb_array_elements(fixed->'changedOthers') with ordinality x(l, o), jsonb_array_elements_text(l) with ordinality y(i, oo) order by o, oo);
  hook constant text := fixed->'hook'->>'sql';
  hook_setting constant int := (fixed->'hook'->>'setting')::int;
  hook_relations constant int[] := array(select jsonb_array_elements_text(fixed->'hook'->'relations')::int);
  deadline constant timestamptz := clock_timestamp() + (asked->>'milliseconds')::int * interval '1 millisecond';
  longest constant int := 300;
  role_numbers constant int[] := array(select array_position(roles, r) from unnest(roles) with ordinality x(r, o) order by o);
  statement_count constant int := cardinality(statements);
  prepared boolean[] := array_fill(false, array[2 * (cardinality(roles) * cardinality(statements) + cardinality(relations))]);
  nothing_size constant int := 131072;
  nothing bigint[] := array_fill(0::bigint, array[nothing_size]);
  nothing_left int := nothing_size / 2;
  nothing_new bigint[] := '{}';
  digests text[]; profile_keys text[]; profile_key text; hash bigint; slot int; place int;
  answers text[] := '{}';
  step record; statement text; done boolean; cut boolean := false; n int := 1; i int; j int; m int; p int; w int; l int; s int;
  before bigint[]; after bigint[]; written int[]; tasks int[]; seen boolean[]; readable text[]; touched bigint; code text; message text;
  changed text[]; gone text[]; gained text[]; failed text[]; audience text[]; target_keys text[]; keys text[]; asked_keys text; name text;
  acting int; again boolean; measured boolean; error_code text; claims text; hooked text; hooked_before text; new_key text; ignored text;
begin
  foreach i in array list_sizes loop list_starts := list_starts || n; n := n + i; end loop;
  for name in select p.name from pg_prepared_statements p where p.name like 'rowgate\_%' loop prepared[split_part(name, '_', 2)::int] := true; end loop;
  foreach hash in array (asked->>'nothing')::bigint[] loop
    slot := (hash & (nothing_size - 1))::int + 1;
    while nothing[slot] <> 0 loop slot := slot % nothing_size + 1; end loop;
    nothing[slot] := hash; nothing_left := nothing_left - 1;
  end loop;
  for step in
    select * from jsonb_to_recordset(asked->'steps')
      as x(id int, persona int, statements text[], target int, also int[], measure int[], privileged boolean, changes boolean,
              view int, views int, exposes boolean, settings boolean, personas int[])
  loop
    exit when cut or clock_timestamp() > deadline;
    before := array(select pg_stat_get_xact_tuples_inserted(o) + pg_stat_get_xact_tuples_updated(o) + (pg_stat_get_xact_tuples_deleted(o) << 40) from unnest(relations) o);
    done := false; code := null; message := null; touched := null; written := '{}'; tasks := '{}'; new_key := null; target_keys := null;
    changed := '{}'; gone := '{}'; gained := '{}'; failed := '{}'; audience := '{}'; hooked := null; hooked_before := null;
    ignored := set_config('role', 'none', true);
    claims := session_values[(step.persona - 1) * settings_count + hook_setting];
    if hook is not null and claims like '{%' and claims::jsonb ? 'sub' then
      execute hook into hooked_before using claims;
    end if;
    for j in 1 .. settings_count loop ignored := set_config(settings[j], session_values[(step.persona - 1) * settings_count + j], true); end loop;
    if not coalesce(step.privileged, false) then
      if logins[step.persona] is not null then ignored := set_config('session_authorization', logins[step.persona], true); end if;
      ignored := set_config('role', roles[step.persona], true);
      if current_user <> roles[step.persona] then raise exception 'rowgate: the session is %, and not %', current_user, roles[step.persona]; end if;
    end if;
    begin
      for i in 1 .. coalesce(cardinality(step.statements), 0) loop
        p := coalesce(step.personas[i], step.persona);
        if step.personas is not null then
          ignored := set_config('role', 'none', true);
          ignored := set_config('session_authorization', home, true);
          for j in 1 .. settings_count loop ignored := set_config(settings[j], session_values[(p - 1) * settings_count + j], true); end loop;
          if logins[p] is not null then ignored := set_config('session_authorization', logins[p], true); end if;
          ignored := set_config('role', roles[p], true);
        end if;
        statement := step.statements[i];
        if i > 1 then
          if new_key is null and position('{new}' in statement) > 0 then
            ignored := set_config('role', 'none', true);
            if logins[p] is not null then ignored := set_config('session_authorization', home, true); end if;
            execute changed_sql[step.target] into keys;
            new_key := keys[1];
          end if;
          if logins[p] is not null then ignored := set_config('session_authorization', logins[p], true); end if;
          ignored := set_config('role', roles[p], true);
          statement := replace(statement, '{new}', coalesce(quote_literal(new_key), 'null'));
        end if;
        if pre_request is not null and not coalesce(step.privileged, false) then execute pre_request; end if;
        execute statement;
        get diagnostics touched = row_count;
        execute 'set constraints all immediate';
      end loop;
      done := true;
      ignored := set_config('role', 'none', true);
      if logins[step.persona] is not null then ignored := set_config('session_authorization', home, true); end if;
      after := array(select pg_stat_get_xact_tuples_inserted(o) + pg_stat_get_xact_tuples_updated(o) + (pg_stat_get_xact_tuples_deleted(o) << 40) from unnest(relations) o);
      for w in 1 .. relation_count loop
        if before[w] <> after[w] then
          written := written || w;
          if changed_sql[w] is not null then
            i := 2 * (cardinality(roles) * statement_count + w);
            if not prepared[i] then
              execute 'prepare rowgate_' || i || ' as ' || changed_sql[w];
              prepared[i] := true;
            end if;
            execute 'execute rowgate_' || i into keys;
            if keys is not null then changed := changed || json_build_array(w, keys)::text; end if;
            if w = step.target then target_keys := keys; end if;
            if before[w] >> 40 <> after[w] >> 40 then
              execute gone_sql[w] into keys using key_sets[relation_keys[w]]::text[];
              if keys is not null then gone := gone || json_build_array(w, keys)::text; end if;
            end if;
          end if;
        end if;
      end loop;
      if step.measure is not null then
        tasks := step.measure;
      elsif cardinality(written) > 0 then
        seen := '{}';
        foreach p in array step.persona || coalesce(step.also, '{}') loop
          foreach w in array written loop
            l := case when p <> step.persona and step.changes then changed_others[(p - 1) * relation_count + w]
              when p <> step.persona then others[(p - 1) * relation_count + w]
              else own[(p - 1) * relation_count + w] end;
            for i in list_starts[l] .. list_starts[l] + list_sizes[l] - 1 loop
              m := list_items[i];
              if seen[m] is not true then seen[m] := true; tasks := tasks || m; end if;
            end loop;
          end loop;
        end loop;
        -- What a measurement comes after has a lower number.
        if cardinality(written) > 1 then tasks := array(select x from unnest(tasks) x order by x); end if;
        if target_keys is not null and step.view > 0 then tasks := step.view || tasks; end if;
        if hooked_before is not null and written && hook_relations then
          execute hook into hooked using claims;
          if hooked = hooked_before then hooked := null; end if;
        end if;
      end if;
      acting := 0; readable := '{}'; profile_keys := '{}'; place := 0; digests := null;
      if cardinality(tasks) > 0 and not coalesce(step.settings, true) and hooked is null then
        digests := '{}';
        message := concat(array_to_string(step.statements, ' '), ' ', array_to_string(session_values[(step.persona - 1) * settings_count + 1 : step.persona * settings_count], ' '));
        foreach w in array written loop
          if is_small[w] and digest_sql[w] is not null then
            i := 2 * (cardinality(roles) * statement_count + w) - 1;
            begin
              if not prepared[i] then
                execute 'prepare rowgate_' || i || '(text[], text) as ' || digest_sql[w];
                prepared[i] := true;
              end if;
              execute concat('execute rowgate_', i, '(', quote_literal(key_sets[relation_keys[w]]), ', ', quote_literal(message), ')') into keys;
              for i in 1 .. cardinality(keys) loop digests[digest_starts[w] + i] := keys[i]; end loop;
            exception when insufficient_privilege then null;
            end;
          end if;
        end loop;
        message := null;
      end if;
      while place < coalesce(cardinality(tasks), 0) loop
        place := place + 1; m := tasks[place]; p := measure_personas[m]; s := measure_statements[m]; again := false;
        asked_keys := case when measure_keys[m] = 0 then target_keys::text else key_sets[measure_keys[m]] end;
        if measure_after[m] > 0 then
          if readable[measure_after[m]] is not null then
            asked_keys := array(select unnest(asked_keys::text[])
              union all (select unnest(key_sets[measure_later[m]]::text[]) intersect select unnest(readable[measure_after[m]]::text[])))::text;
          end if;
          continue when asked_keys = '{}';
        end if;
        hash := null;
        if digests is not null and measure_profiles[m] > 0 then
          profile_key := profile_keys[measure_profiles[m]];
          if profile_key is null then
            profile_key := '';
            foreach w in array written loop
              i := profiles[(measure_profiles[m] - 1) * relation_count + w];
              -- Without a digest, the whole key is null.
              if i > 0 then profile_key := profile_key || ' ' || digest_starts[w] + i || ' ' || digests[digest_starts[w] + i]; end if;
            end loop;
            profile_keys[measure_profiles[m]] := profile_key;
          end if;
          hash := hashtextextended(m || profile_key, 0);
          slot := (hash & (nothing_size - 1))::int + 1;
          while nothing[slot] <> 0 and nothing[slot] <> hash loop slot := slot % nothing_size + 1; end loop;
          continue when nothing[slot] = hash;
        end if;
        <<ways>>
        loop
          if acting <> p then
            ignored := set_config('role', 'none', true);
            ignored := set_config('session_authorization', home, true);
            for j in 1 .. settings_count loop ignored := set_config(settings[j], session_values[(p - 1) * settings_count + j], true); end loop;
            if p = step.persona and hooked is not null then ignored := set_config(settings[hook_setting], (claims::jsonb || hooked::jsonb)::text, true); end if;
            if logins[p] is not null then ignored := set_config('session_authorization', logins[p], true); end if;
            ignored := set_config('role', roles[p], true);
            acting := p;
          end if;
          keys := null; measured := false; error_code := null;
          begin
            if pre_request is not null then execute pre_request; end if;
            i := 2 * ((role_numbers[p] - 1) * statement_count + s) - again::int;
            if not prepared[i] then
              execute 'prepare rowgate_' || i || '(text[]) as ' || case when again then failing[s] else statements[s] end;
              prepared[i] := true;
            end if;
            statement := 'execute rowgate_' || i || '(' || quote_literal(coalesce(asked_keys, '{}')) || ')';
            if kinds[s] = 'write' then
              execute statement;
              keys := array['ok'];
            else
              execute statement into keys;
            end if;
            measured := true;
            -- A read leaves nothing; its own subtransaction need not be undone.
            if kinds[s] <> 'read' then raise exception 'rowgate: undo'; end if;
          exception
            when query_canceled then raise;
            when others or assert_failure then
              if again and position('rowgate {' in sqlerrm) > 0 then keys := nullif(substring(sqlerrm from 'rowgate (\{.*\})')::text[], '{}');
              -- Constraints are checked once the policies have let a row through.
              elsif not measured and kinds[s] = 'write' and starts_with(sqlstate, constraint_class) then keys := array['ok'];
              elsif not measured then error_code := sqlstate; end if;
          end;
          exit ways when again or failing[s] is null or not starts_with(error_code, constraint_class);
          again := true;
        end loop;
        if error_code is not null then failed := failed || json_build_array(m, error_code)::text;
        elsif measure_keys[m] = 0 and kinds[s] = 'read' then
          audience := audience || json_build_array(m, coalesce(keys, '{}'))::text;
          if m = step.view and (step.exposes or not target_keys <@ coalesce(keys, '{}')) then
            tasks := tasks || list_items[list_starts[step.views] : list_starts[step.views] + list_sizes[step.views] - 1];
          end if;
        elsif cardinality(keys) > 0 then gained := gained || json_build_array(m, keys)::text; readable[m] := keys::text;
        end if;
        if hash is not null and coalesce(cardinality(keys), 0) = 0 and nothing_left > 0 then
          nothing[slot] := hash; nothing_left := nothing_left - 1; nothing_new := nothing_new || hash;
        end if;
      end loop;
      raise exception 'rowgate: undo';
    exception
      when query_canceled then
        cut := true; code := sqlstate; message := left(sqlerrm, longest);
      when others or assert_failure then
        if not done then code := sqlstate; message := left(sqlerrm, longest);
        elsif sqlerrm <> 'rowgate: undo' then code := 'RGESC'; message := left(sqlstate || ' ' || sqlerrm, longest); end if;
    end;
    ignored := set_config('role', 'none', true);
    if logins[step.persona] is not null then ignored := set_config('session_authorization', home, true); end if;
    answers := answers || concat('{"id":', step.id,
      case when code is not null then concat(',"code":', to_json(code), ',"message":', to_json(message)) end,
      ',"touched":', coalesce(touched, 0), ',"written":', to_json(written),
      ',"changed":[', array_to_string(changed, ','), '],"gone":[', array_to_string(gone, ','),
      '],"gained":[', array_to_string(gained, ','), '],"failed":[', array_to_string(failed, ','),
      '],"audience":[', array_to_string(audience, ','), ']', case when hooked is not null then ',"hooked":true' end, '}');
  end loop;
  ignored := set_config('role', 'none', true);
  ignored := set_config('rowgate.answers',
    concat('{"nothing":', to_json(nothing_new::text[]), ',"steps":[', array_to_string(answers, ','), ']}'), true);
end
$rowgate$
