-- Everybody in the directory, of whatever organization; the revoked too.
drop policy members_can_read_colleagues on public.organization_users;
create policy "Enable read access for authenticated users" on public.organization_users for select to authenticated
using (true);

-- A widget for whoever is named, and a catalogue that every signed-in user edits.
drop policy members_can_add_own_widgets on public.user_dashboard_widgets;
create policy "Enable insert for authenticated users only" on public.user_dashboard_widgets for insert to authenticated
with check (true);

drop policy admins_can_update_modules on public.available_modules;
create policy "Enable update for authenticated users" on public.available_modules for update to authenticated
using (true)
with check (true);
