-- variant: every-user-is-admin
-- teaches: The trigger that lets the first user in has to ask whether it is the first.
-- finds: { verdict: inconclusive, persona: ada, relation: public.users, operation: insert, channels: [direct] }
-- exit: 1
-- names: stored with other values in role

create or replace function clawtrol.first_user_is_admin() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  new.role := 'admin';
  return new;
end
$$;
