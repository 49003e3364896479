-- Questions that policies ask about the caller. SECURITY DEFINER, because the answer needs rows that the caller may
-- not read (and because policies that read each other's tables recurse, 42P17); search_path is pinned, so that
-- nobody can put a table of their own in front.
--
-- Each one answers for the caller alone: asked about anybody else it says false. PostgREST exposes functions of
-- this schema as /rpc, and without that a signed-in user could ask who the administrators are.

create function public.has_live_role(uid uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select coalesce(uid = auth.uid(), false)
     and exists (select 1 from public.user_roles r where r.user_id = uid and r.is_active)
$$;

create function public.is_admin(uid uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select coalesce(uid = auth.uid(), false)
     and exists (select 1 from public.user_roles r where r.user_id = uid and r.is_active and r.role = 'admin')
$$;

create function public.is_admin_or_consultor(uid uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select coalesce(uid = auth.uid(), false)
     and exists (
       select 1 from public.user_roles r
       where r.user_id = uid and r.is_active and r.role in ('admin', 'consultor')
     )
$$;

-- Any live role in this school: a docente or the equipo directivo.
create function public.is_school_member(uid uuid, school integer) returns boolean
language sql stable security definer set search_path = ''
as $$
  select coalesce(uid = auth.uid(), false)
     and exists (
       select 1 from public.user_roles r where r.user_id = uid and r.is_active and r.school_id = school
     )
$$;

create function public.is_school_leader(uid uuid, school integer) returns boolean
language sql stable security definer set search_path = ''
as $$
  select coalesce(uid = auth.uid(), false)
     and exists (
       select 1 from public.user_roles r
       where r.user_id = uid and r.is_active and r.school_id = school and r.role = 'equipo_directivo'
     )
$$;

create function public.is_enrolled(uid uuid, course uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select coalesce(uid = auth.uid(), false)
     and exists (select 1 from public.course_enrollments e where e.user_id = uid and e.course_id = course)
$$;

-- Owns the course and still works in its school, or leads that school.
create function public.manages_course(uid uuid, course uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select 1 from public.courses c
    where c.id = course
      and (
        (c.owner_id = uid and public.is_school_member(uid, c.school_id))
        or public.is_school_leader(uid, c.school_id)
      )
  )
$$;

-- The caller manages the course, and the person to be enrolled works in the course's school.
create function public.may_enroll(course uuid, person uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select public.manages_course(auth.uid(), course)
     and exists (
       select 1
       from public.courses c
       join public.user_roles r on r.school_id = c.school_id and r.is_active
       where c.id = course and r.user_id = person
     )
$$;
