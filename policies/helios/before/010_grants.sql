-- The directory before field visibility, as overlays on ../NNN_*.sql: the same tables and the same rows.
-- Every signed-in user reads the table itself, the payroll's number included, and changes whole rows: role and organization too.
grant select, update on public.organization_users to authenticated;
grant insert, update, delete on public.member_profiles to authenticated;
