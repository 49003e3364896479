-- variant: accepted-for-others
-- teaches: A SECURITY DEFINER function is its own policy: without the address in its WHERE, whoever guesses or sees an id takes somebody else's invitation, as admin.
-- finds: { verdict: leak, persona: rex, relation: platform.accept_invitation, operation: execute(to_mia), channels: [direct, rest] }
-- finds: { verdict: leak, persona: otto, relation: platform.accept_invitation, operation: execute(to_mia), channels: [direct, rest] }
-- finds: { verdict: pass, persona: mia, relation: platform.accept_invitation, operation: execute(to_mia), channels: [direct, rest] }
-- finds: { verdict: pass, persona: anon, relation: platform.accept_invitation, operation: execute(to_mia), channels: [direct, rest] }
-- exit: 1

create or replace function platform.accept_invitation(invitation uuid) returns platform.organization_members
language plpgsql volatile security definer set search_path = ''
as $$
declare
  accepted platform.organization_invitations;
  membership platform.organization_members;
begin
  update platform.organization_invitations i
  set accepted_at = pg_catalog.now()
  where i.id = invitation and i.accepted_at is null and i.expires_at > pg_catalog.now()
  returning * into accepted;
  if accepted.id is null then
    raise insufficient_privilege using message = 'there is no open invitation by this id';
  end if;

  insert into platform.organization_members as m (organization_id, user_id, role)
  values (accepted.organization_id, auth.uid(), accepted.role)
  on conflict (organization_id, user_id) do update
    set role = case when m.revoked_at is null then m.role else excluded.role end, revoked_at = null
  returning m.* into membership;
  return membership;
end
$$;
