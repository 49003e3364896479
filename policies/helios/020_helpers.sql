-- Questions that the policies and the view ask about the caller. SECURITY DEFINER, because the answers need rows and
-- columns that the caller may not read; search_path is pinned, so that nobody can put a table of their own in front.
-- They live in a schema that PostgREST does not expose: nobody can call them as /rpc.

create schema private;

-- The organization that the caller is a live member of; NULL for everybody else, and NULL equals nothing.
create function private.my_organization() returns integer
language sql stable security definer set search_path = ''
as $$
  select u.organization_id from public.organization_users u where u.id = auth.uid() and u.status = 'active'
$$;

-- The caller, while a live member; NULL for everybody else.
create function private.my_member_id() returns uuid
language sql stable security definer set search_path = ''
as $$
  select u.id from public.organization_users u where u.id = auth.uid() and u.status = 'active'
$$;

create function private.is_platform_admin() returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (select 1 from public.platform_admins a where a.user_id = auth.uid())
$$;

-- Whether the caller may see this field of this person. It answers for the caller alone, and about live members of the
-- caller's organization alone. It knows no list of fields, so that a field which somebody forgets to mention is
-- hidden: only a row that opens the field opens it.
create function private.may_see(person uuid, field text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select 1
    from public.organization_users viewer
    join public.organization_users subject
      on subject.organization_id = viewer.organization_id and subject.status = 'active'
    where viewer.id = auth.uid()
      and viewer.status = 'active'
      and subject.id = person
      and (
        subject.id = viewer.id
        or exists (
          select 1
          from public.user_field_visibility v
          where v.user_id = subject.id
            and v.field_name = field
            and (
              v.visibility_level = 'everyone'
              or (v.visibility_level = 'manager' and viewer.role = 'manager')
            )
        )
      )
  )
$$;
