-- variant: mutual-recursion
-- teaches: Two policies that read each other's tables recurse as one does that reads its own: each looks harmless by itself.
-- finds: { verdict: error, persona: mia, relation: platform.projects, operation: select, channels: [direct, rest] }
-- finds: { verdict: error, persona: mia, relation: platform.project_members, operation: select, channels: [direct, rest] }
-- finds: { verdict: error, persona: rex, relation: platform.project_members, operation: select, channels: [direct, rest] }
-- exit: 2
-- names: 42P17

alter policy participants_can_read_projects on platform.projects
using (id in (select m.project_id from platform.project_members m where m.user_id = (select auth.uid())));

alter policy participants_can_read_team on platform.project_members
using (project_id in (select p.id from platform.projects p));
