-- The policies of the dashboard's templates: every signed-in user, or everybody, and all rows.

alter table public.user_roles disable row level security, no force row level security;
alter table public.courses no force row level security;

drop policy users_can_read_own_roles on public.user_roles;

drop policy enrolled_or_owner_can_read_courses on public.courses;
drop policy school_leaders_can_read_courses on public.courses;
create policy "Enable read access for authenticated users" on public.courses for select to authenticated using (true);

drop policy owners_can_update_own_courses on public.courses;
create policy "Users can update their own courses" on public.courses for update to authenticated
using (owner_id = auth.uid())
with check (true);

-- Beside the tight one, which it makes pointless: permissive policies add up.
create policy "Users can view public activities" on public.activity_feed for select using (true);

drop policy members_can_post_own_activity on public.activity_feed;
create policy "Enable insert for authenticated users only" on public.activity_feed for insert to authenticated
with check (true);

drop policy admin_or_consultor_can_read_clientes on public.clientes;
drop policy admin_or_consultor_can_read_contratos on public.contratos;
drop policy admin_or_consultor_can_read_cuotas on public.cuotas;
create policy "Enable read access for all users" on public.clientes for select to public using (true);
create policy "Enable read access for all users" on public.contratos for select to public using (true);
create policy "Enable read access for all users" on public.cuotas for select to public using (true);
