-- What happens besides. All of it runs with the owner's rights: who may insert a task may not write the log in other names.

-- Somebody has to let the others in: the first user to be created is an admin, whatever was asked for.
create function clawtrol.first_user_is_admin() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  if not exists (select 1 from public.users) then
    new.role := 'admin';
  end if;
  return new;
end
$$;
create trigger first_user_is_admin before insert on public.users
for each row execute function clawtrol.first_user_is_admin();

create function clawtrol.user_was_created() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  if new.role = 'admin' then
    insert into public.settings (key, value)
    values ('installation', jsonb_build_object('admin', new.id))
    on conflict (key) do nothing;
  end if;
  insert into public.audit_log ("userId", action, "entityType", "entityId", details)
  values (clawtrol.user_id(), 'user.created', 'user', new.id, jsonb_build_object('role', new.role));
  return null;
end
$$;
create trigger user_was_created after insert on public.users
for each row execute function clawtrol.user_was_created();

create function clawtrol.touch() returns trigger
language plpgsql set search_path = ''
as $$
begin
  new."updatedAt" := now();
  return new;
end
$$;
create trigger touch before update on public.tasks
for each row execute function clawtrol.touch();

create function clawtrol.task_was_changed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  insert into public.audit_log ("userId", action, "entityType", "entityId")
  values (clawtrol.user_id(), 'task.' || lower(tg_op), 'task', coalesce(new.id, old.id));
  return null;
end
$$;
create trigger task_was_changed after insert or update or delete on public.tasks
for each row execute function clawtrol.task_was_changed();

revoke execute on all functions in schema clawtrol from public;
