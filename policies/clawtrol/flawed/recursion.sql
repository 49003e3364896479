-- variant: recursion
-- teaches: A policy that reads its own table fails every query with 42P17; that is an error, and neither a denial nor a pass.
-- finds: { verdict: error, persona: max, relation: public.project_members, operation: select, channels: [direct] }
-- finds: { verdict: error, persona: nobody, relation: public.project_members, operation: select, channels: [direct] }
-- exit: 2
-- names: 42P17

alter policy members_of_own_projects on public.project_members
using (
  exists (
    select 1 from public.project_members mine
    where mine.project = project_members.project and mine."userId" = clawtrol.user_id() and mine."isActive"
  )
);
