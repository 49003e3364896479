-- variant: missing-status
-- teaches: So is one that names a column: a column that is not there is hidden from everybody, and would pass for well kept.
-- exit: 2
-- names: missing column: public.organization_users has no column status
-- names: missing column: public.member_profiles has no column status

-- Policies and the view follow a renamed column; what names it from outside does not.
alter table public.organization_users rename column status to membership_status;
alter view public.member_profiles rename column status to membership_status;
