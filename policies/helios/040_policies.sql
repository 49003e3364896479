-- Who reaches which rows; which columns is the grants' business (050) and the view's (030). Two habits hold throughout:
--   an UPDATE or DELETE policy never reaches past the SELECT policies of its table, so a statement without WHERE
--   (to which the SELECT policies do not apply) changes no row that its author cannot see;
--   every UPDATE policy says WITH CHECK, and says the same as its USING: a row cannot be handed to somebody else.
-- Helpers stand in a sub-select so that they are asked once per statement, not once per row.

alter table public.organizations          enable row level security, force row level security;
alter table public.organization_users     enable row level security, force row level security;
alter table public.user_field_visibility  enable row level security, force row level security;
alter table public.user_dashboard_widgets enable row level security, force row level security;
alter table public.available_modules      enable row level security, force row level security;
alter table public.platform_admins        enable row level security, force row level security;

-- organizations ------------------------------------------------------------------------------------------------
create policy members_can_read_own_organization on public.organizations for select to authenticated
using (id = (select private.my_organization()));

-- organization_users -------------------------------------------------------------------------------------------
create policy members_can_read_colleagues on public.organization_users for select to authenticated
using (organization_id = (select private.my_organization()) and status = 'active');

-- The grant (050) names the name and the fourteen fields: nobody changes their own role, status or organization.
create policy members_can_update_themselves on public.organization_users for update to authenticated
using (id = (select private.my_member_id()))
with check (id = (select private.my_member_id()));

-- user_field_visibility ----------------------------------------------------------------------------------------
-- Not even a manager reads or sets another's levels: that a field is hidden would itself say something.
create policy members_can_read_own_visibility on public.user_field_visibility for select to authenticated
using (user_id = (select private.my_member_id()));

create policy members_can_add_own_visibility on public.user_field_visibility for insert to authenticated
with check (user_id = (select private.my_member_id()));

create policy members_can_update_own_visibility on public.user_field_visibility for update to authenticated
using (user_id = (select private.my_member_id()))
with check (user_id = (select private.my_member_id()));

create policy members_can_delete_own_visibility on public.user_field_visibility for delete to authenticated
using (user_id = (select private.my_member_id()));

-- user_dashboard_widgets ---------------------------------------------------------------------------------------
create policy members_can_read_own_widgets on public.user_dashboard_widgets for select to authenticated
using (user_id = (select private.my_member_id()));

create policy members_can_add_own_widgets on public.user_dashboard_widgets for insert to authenticated
with check (user_id = (select private.my_member_id()));

create policy members_can_update_own_widgets on public.user_dashboard_widgets for update to authenticated
using (user_id = (select private.my_member_id()))
with check (user_id = (select private.my_member_id()));

create policy members_can_delete_own_widgets on public.user_dashboard_widgets for delete to authenticated
using (user_id = (select private.my_member_id()));

-- available_modules --------------------------------------------------------------------------------------------
create policy everyone_can_read_modules on public.available_modules for select to anon, authenticated
using (true);

create policy admins_can_add_modules on public.available_modules for insert to authenticated
with check ((select private.is_platform_admin()));

create policy admins_can_update_modules on public.available_modules for update to authenticated
using ((select private.is_platform_admin()))
with check ((select private.is_platform_admin()));

create policy admins_can_delete_modules on public.available_modules for delete to authenticated
using ((select private.is_platform_admin()));

-- platform_admins: no policy, and no grant but the service's.
