-- variant: metrics-writable
-- teaches: Who may see a project's usage may not write it: metrics are what the bill is made from.
-- finds: { verdict: leak, persona: mia, relation: platform.project_metrics, operation: insert, channels: [direct, rest] }
-- finds: { verdict: leak, persona: mia, relation: platform.project_metrics, operation: update, channels: [direct, rest] }
-- finds: { verdict: leak, persona: boris, relation: platform.project_metrics, operation: delete, channels: [direct, rest] }
-- finds: { verdict: leak, persona: adam, relation: platform.project_metrics, operation: blind_delete, channels: [direct, rest] }
-- exit: 1

create policy participants_can_write_metrics on platform.project_metrics for all to authenticated
using (project_id in (select platform_private.visible_projects()))
with check (project_id in (select platform_private.visible_projects()));
grant insert, update, delete on platform.project_metrics to authenticated;
