-- variant: export-function
-- teaches: SECURITY DEFINER runs with the rights of who made it, and EXECUTE is everybody's until it is revoked: one helper more is one door more.
-- exit: 1
-- names: undeclared-definer clawtrol.export_log()

create function clawtrol.export_log() returns setof public.audit_log
language sql stable security definer set search_path = ''
as $$
  select * from public.audit_log
$$;
