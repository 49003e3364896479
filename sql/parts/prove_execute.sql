-- Runs a step, and notes its answer.
if (step ->> 'rows')::boolean then
  plan := (step ->> 'plan')::int + 1;
  if plan is null then
    execute command into value;
  else
    if planned[plan] is null then
      execute 'prepare rowgate_' || plan || ' as ' || command;
      planned[plan] := true;
    end if;
    execute 'execute rowgate_' || plan into value;
  end if;
  steps := steps || pg_catalog.json_build_object('value', value)::text;
else
  execute command;
  get diagnostics touched = row_count;
  steps := steps || pg_catalog.json_build_object('touched', touched)::text;
end if;
