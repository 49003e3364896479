-- From the loose state to the one that ../../NNN_*.sql describes. Whatever this takes from somebody, and whatever it
-- gives, is the access change to be reviewed; the result must be the same, policy by policy and grant by grant.

-- Helper: only live roles, only about the caller, nothing from the caller's search_path.
create or replace function public.is_admin_or_consultor(uid uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select coalesce(uid = auth.uid(), false)
     and exists (
       select 1 from public.user_roles r
       where r.user_id = uid and r.is_active and r.role in ('admin', 'consultor')
     )
$$;

-- Roles: one's own.
alter table public.user_roles enable row level security, force row level security;
create policy users_can_read_own_roles on public.user_roles for select to authenticated
using (user_id = (select auth.uid()));

-- Courses.
alter table public.courses force row level security;
drop policy "Enable read access for authenticated users" on public.courses;
drop policy "Users can update their own courses" on public.courses;
create policy enrolled_or_owner_can_read_courses on public.courses for select to authenticated
using (
  public.is_admin_or_consultor((select auth.uid()))
  or (
    public.has_live_role((select auth.uid()))
    and (
      owner_id = (select auth.uid())
      or (deleted_at is null and public.is_enrolled((select auth.uid()), id))
    )
  )
);
create policy school_leaders_can_read_courses on public.courses for select to authenticated
using (public.is_school_leader((select auth.uid()), school_id));
create policy owners_can_update_own_courses on public.courses for update to authenticated
using (owner_id = (select auth.uid()) and public.is_school_member((select auth.uid()), school_id))
with check (owner_id = (select auth.uid()) and public.is_school_member((select auth.uid()), school_id));

-- Activity.
drop policy "Users can view public activities" on public.activity_feed;
drop policy "Enable insert for authenticated users only" on public.activity_feed;
create policy members_can_post_own_activity on public.activity_feed for insert to authenticated
with check (author_id = (select auth.uid()) and public.is_school_member((select auth.uid()), school_id));

-- Finance.
drop policy "Enable read access for all users" on public.clientes;
drop policy "Enable read access for all users" on public.contratos;
drop policy "Enable read access for all users" on public.cuotas;
create policy admin_or_consultor_can_read_clientes on public.clientes for select to authenticated
using (public.is_admin_or_consultor((select auth.uid())));
create policy admin_or_consultor_can_read_contratos on public.contratos for select to authenticated
using (public.is_admin_or_consultor((select auth.uid())));
create policy admin_or_consultor_can_read_cuotas on public.cuotas for select to authenticated
using (public.is_admin_or_consultor((select auth.uid())));

-- The old name of message_threads.
alter view public.community_threads set (security_invoker = true);

-- Grants: the slate is wiped, then what is needed.
revoke all on all tables in schema public from public, anon, authenticated, service_role;
revoke all on all sequences in schema public from public, anon, authenticated, service_role;

grant select on public.message_threads, public.community_threads to anon;

grant select on
  public.schools, public.profiles, public.user_roles, public.courses, public.course_enrollments,
  public.activity_feed, public.message_threads, public.community_threads,
  public.clientes, public.contratos, public.cuotas
to authenticated;

grant insert, update (name, comuna) on public.schools to authenticated;
grant update (first_name, last_name) on public.profiles to authenticated;
grant insert, update, delete on public.courses to authenticated;
grant insert, update (progress), delete on public.course_enrollments to authenticated;
grant insert, delete on public.activity_feed to authenticated;
grant insert, update (subject, deleted_at) on public.message_threads to authenticated;

grant select, insert, update, delete on
  public.schools, public.profiles, public.user_roles, public.courses, public.course_enrollments,
  public.activity_feed, public.message_threads, public.community_threads,
  public.clientes, public.contratos, public.cuotas
to service_role;

grant usage on sequence public.contratos_id_seq to service_role;

revoke execute on function
  public.touch_updated_at(),
  public.has_live_role(uuid),
  public.is_admin(uuid),
  public.is_admin_or_consultor(uuid),
  public.is_school_member(uuid, integer),
  public.is_school_leader(uuid, integer),
  public.is_enrolled(uuid, uuid),
  public.manages_course(uuid, uuid),
  public.may_enroll(uuid, uuid)
from public, anon, authenticated, service_role;

grant execute on function
  public.has_live_role(uuid),
  public.is_admin(uuid),
  public.is_admin_or_consultor(uuid),
  public.is_school_member(uuid, integer),
  public.is_school_leader(uuid, integer),
  public.is_enrolled(uuid, uuid),
  public.manages_course(uuid, uuid),
  public.may_enroll(uuid, uuid)
to authenticated;
