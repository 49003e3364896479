-- The loose state, as overlays on ../NNN_*.sql: the same tables and the same rows, so that what each person reaches
-- before and after can be compared row by row.
-- What a Supabase project grants by default, and what nobody had taken back.
grant all on all tables in schema public to anon, authenticated, service_role;
grant all on all sequences in schema public to anon, authenticated, service_role;
grant execute on all functions in schema public to public, anon, authenticated, service_role;
