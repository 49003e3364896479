-- variant: missing-status
-- teaches: So is one that names a column: a column that is not there is hidden from everybody, and would pass for well kept.
-- exit: 2
-- names: missing column: public.organization_users has no column status
-- names: missing column: public.member_profiles has no column status

drop view public.member_profiles cascade;
drop policy members_can_read_colleagues on public.organization_users;
alter table public.organization_users drop column status;
create view public.member_profiles as select id, organization_id, name, role from public.organization_users;
