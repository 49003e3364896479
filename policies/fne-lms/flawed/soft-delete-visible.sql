-- variant: soft-delete-visible
-- teaches: deleted_at is a column like any other until each policy asks for it.
-- finds: { verdict: leak, persona: belen, relation: public.courses, operation: select, channels: [direct, rest] }
-- exit: 1

alter policy enrolled_or_owner_can_read_courses on public.courses
using (
  public.is_admin_or_consultor((select auth.uid()))
  or (
    public.has_live_role((select auth.uid()))
    and (owner_id = (select auth.uid()) or public.is_enrolled((select auth.uid()), id))
  )
);
