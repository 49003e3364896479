-- Asks neither whether the role is live nor who is asking, and looks tables up on the caller's search_path.
create or replace function public.is_admin_or_consultor(uid uuid) returns boolean
language sql stable security definer
as $$
  select exists (select 1 from public.user_roles r where r.user_id = uid and r.role in ('admin', 'consultor'))
$$;
alter function public.is_admin_or_consultor(uuid) reset search_path;
