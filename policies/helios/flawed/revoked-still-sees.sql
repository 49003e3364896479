-- variant: revoked-still-sees
-- teaches: A membership is revoked, not deleted: helpers that forget the status leave a former colleague the whole directory.
-- finds: { verdict: leak, persona: raul, relation: public.member_profiles, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: raul, relation: public.organization_users, operation: select, channels: [direct, rest] }
-- finds: { verdict: leak, persona: raul, relation: public.user_field_visibility, operation: update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: raul, relation: public.user_dashboard_widgets, operation: select, channels: [direct, rest] }
-- exit: 1

create or replace function private.my_organization() returns integer
language sql stable security definer set search_path = ''
as $$
  select u.organization_id from public.organization_users u where u.id = auth.uid()
$$;

create or replace function private.my_member_id() returns uuid
language sql stable security definer set search_path = ''
as $$
  select u.id from public.organization_users u where u.id = auth.uid()
$$;
