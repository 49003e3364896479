-- A step's actor and settings, and the statement that it runs.
actor := (step ->> 'actor')::int + 1;
own := settings[actor];
for pair in 0 .. pg_catalog.jsonb_array_length(own) - 1 loop
  said := pg_catalog.set_config(own -> pair ->> 0, own -> pair ->> 1, true);
end loop;
said := pg_catalog.set_config('role', coalesce(roles[actor], 'none'), true);
became := true;
command := texts[(step ->> 'sql')::int + 1];
