-- What each role may try at all. Supabase grants everything in public to everybody by default (TRUNCATE included,
-- which no policy stops), so the slate is wiped first; then each grant says what is needed and no more.

grant usage on schema public to anon, authenticated, service_role;

revoke all on all tables in schema public from public, anon, authenticated, service_role;
revoke all on all sequences in schema public from public, anon, authenticated, service_role;

-- Guests: nothing, but for the messaging pair, which keeps the SELECT that Supabase gives by default; there the
-- policies alone keep them out (200 [], where the other tables answer 401).
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

-- A serial draws from a sequence that has a privilege of its own; identity columns need none.
grant usage on sequence public.contratos_id_seq to service_role;

-- EXECUTE goes to PUBLIC by default. A policy calls its functions with the rights of whoever asks, so signed-in
-- users need those that policies name, and guests none.
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
