-- variant: view-elsewhere
-- teaches: Who logs in by himself is held to no list of exposed schemas: a view of the owner's in a schema for reports opens what the tables close.
-- exit: 1
-- names: undeclared-relation reports.all_settings

create schema reports;
create view reports.all_settings as select * from public.settings;
grant usage on schema reports to clawtrol_readonly;
grant select on reports.all_settings to clawtrol_readonly;
