-- Two projects with two members and a viewer each, one that is closed, and people at the edges.
-- The first of them asks to be a member; the trigger makes her admin.
insert into public.users (id, "githubId", "githubLogin", role, "isActive", "createdAt") values
  ('u-ada', '1001', 'ada', 'member', true, '2026-01-05');
insert into public.users (id, "githubId", "githubLogin", role, "isActive", "createdAt") values
  ('u-max', '1002', 'max', 'member', true, '2026-01-06'),
  ('u-mia', '1003', 'mia', 'member', true, '2026-01-06'),
  ('u-vic', '1004', 'vic', 'viewer', true, '2026-01-07'),
  ('u-nia', '1005', 'nia', 'member', true, '2026-01-08'),
  ('u-o''neil', '1006', 'o-neil', 'member', true, '2026-01-08'),
  ('u-vera', '1007', 'vera', 'viewer', true, '2026-01-09'),
  -- In no project.
  ('u-otto', '1008', 'otto', 'member', true, '2026-01-10'),
  -- Was in apollo; that membership is off.
  ('u-rex', '1009', 'rex', 'member', true, '2026-01-10'),
  -- Was an admin, and in apollo; the account is off.
  ('u-dora', '1010', 'dora', 'admin', false, '2026-01-11');

insert into public.projects values ('apollo', 'Apollo'), ('borealis', 'Borealis'), ('attic', 'The attic (closed)');

insert into public.project_members values
  ('apollo', 'u-max', true), ('apollo', 'u-mia', true), ('apollo', 'u-vic', true),
  ('apollo', 'u-rex', false), ('apollo', 'u-dora', true),
  ('borealis', 'u-nia', true), ('borealis', 'u-o''neil', true), ('borealis', 'u-vera', true);

insert into public.tasks (title, "userId", project, status, "updatedAt") values
  ('Write the launch notes', 'u-max', 'apollo', 'todo', '2026-02-01'),
  ('Mend the build', 'u-mia', 'apollo', 'doing', '2026-02-02'),
  ('Left behind', 'u-rex', 'apollo', 'todo', '2026-01-20'),
  ('Measure the cold start', 'u-nia', 'borealis', 'todo', '2026-02-03'),
  ('Answer the review', 'u-o''neil', 'borealis', 'done', '2026-02-04'),
  ('Close the attic', 'u-ada', 'attic', 'done', '2026-01-31');

insert into public.task_labels values
  ('t-1', 'urgent'), ('t-1', 'urgent'), ('t-2', 'build'), ('t-4', 'urgent'), ('t-5', 'review'), ('t-6', 'old');

insert into public.settings values
  ('theme', '"dark"', true), ('motd', '"Be kind"', true), ('webhook', '{"secret": "s3cr3t"}', false);

-- Beside what the triggers have written without a name.
insert into public.audit_log ("userId", action, "entityType", "entityId", details) values
  ('u-ada', 'project.closed', 'project', 'attic', '{"reason": "done"}'),
  ('u-max', 'task.commented', 'task', 't-1', '{}'),
  ('u-mia', 'task.commented', 'task', 't-2', '{}'),
  ('u-vic', 'signed.in', 'user', 'u-vic', '{}'),
  ('u-nia', 'task.commented', 'task', 't-4', '{}'),
  ('u-o''neil', 'task.commented', 'task', 't-5', '{}'),
  ('u-vera', 'signed.in', 'user', 'u-vera', '{}'),
  ('u-otto', 'signed.in', 'user', 'u-otto', '{}'),
  ('u-rex', 'task.commented', 'task', 't-3', '{}'),
  ('u-dora', 'signed.in', 'user', 'u-dora', '{}');
