-- variant: ended-membership-live
-- teaches: Memberships are switched off, not deleted: a helper that forgets isActive gives a former member everything back.
-- finds: { verdict: leak, persona: rex, relation: public.tasks, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: rex, relation: public.tasks, operation: insert, channels: [direct] }
-- finds: { verdict: leak, persona: rex, relation: public.tasks, operation: update, channels: [direct] }
-- finds: { verdict: leak, persona: rex, relation: public.projects, operation: select, channels: [direct] }
-- finds: { verdict: leak, persona: rex, relation: public.users, operation: select, channels: [direct] }
-- exit: 1

create or replace function clawtrol.is_in_project(slug text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select clawtrol.user_role() is not null
     and exists (
       select 1 from public.project_members m where m.project = slug and m."userId" = clawtrol.user_id()
     )
$$;
