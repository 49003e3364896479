-- variant: manager-reads-levels
-- teaches: "Managers may see the settings of their people" tells them who hides what, and the matrix had said that nobody reads another's.
-- finds: { verdict: leak, persona: mara, relation: public.user_field_visibility, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: marek, relation: public.user_field_visibility, operation: select, channels: [direct, rest] }
-- finds: { verdict: pass, persona: ana, relation: public.user_field_visibility, operation: select, channels: [direct, rest] }
-- exit: 1

create function private.manages(person uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select 1
    from public.organization_users m
    join public.organization_users u on u.organization_id = m.organization_id
    where m.id = auth.uid() and m.status = 'active' and m.role = 'manager' and u.id = person
  )
$$;
create policy managers_can_read_visibility on public.user_field_visibility for select to authenticated
using (private.manages(user_id));
