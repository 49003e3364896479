-- variant: project-moved
-- teaches: Without a word on what a row may become, a project moves into another organization, with all that it holds.
-- finds: { verdict: leak, persona: olivia, relation: platform.projects, operation: update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: nina, relation: platform.projects, operation: update, channels: [direct, rest] }
-- exit: 1

alter policy admins_and_maintainers_can_update_projects on platform.projects with check (true);
grant update (organization_id) on platform.projects to authenticated;
