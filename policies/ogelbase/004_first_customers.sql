-- Rows for every cell of the matrix: for each set one row inside and one outside. Nothing here depends on the day.
--   Acme (1):     Olivia owns it, Adam is admin; Mia maintains Apollo, Max views Argo; Nina is a member, of no project.
--                 Rex was admin and Boris a member, until they were revoked; both are still in Apollo's team.
--   Borealis (2): Bea owns it, Nina is admin; Boris maintains Boreas.
--   Cobalt (3):   Cleo owns it, Cy maintains Cirrus. No persona is theirs: their rows are outside for everybody.
--   Otto has an account, and an invitation; Nadia has signed up and never signed in.

insert into auth.users (id, email) values
  ('a0000000-0000-4000-8000-000000000001', 'olivia@acme.test'),
  ('a0000000-0000-4000-8000-000000000002', 'adam@acme.test'),
  ('a0000000-0000-4000-8000-000000000003', 'mia@acme.test'),
  ('a0000000-0000-4000-8000-000000000004', 'max@acme.test'),
  ('a0000000-0000-4000-8000-000000000005', 'bea@borealis.test'),
  ('a0000000-0000-4000-8000-000000000006', 'nina@borealis.test'),
  ('a0000000-0000-4000-8000-000000000007', 'boris@borealis.test'),
  ('a0000000-0000-4000-8000-000000000008', 'otto@elsewhere.test'),
  ('a0000000-0000-4000-8000-000000000009', 'rex@acme.test'),
  ('a0000000-0000-4000-8000-000000000010', 'cleo@cobalt.test'),
  ('a0000000-0000-4000-8000-000000000011', 'cy@cobalt.test'),
  ('a0000000-0000-4000-8000-000000000012', 'nadia@elsewhere.test');

insert into platform.users (id, email, full_name, created_at)
select id, email, initcap(split_part(email, '@', 1)), timestamptz '2025-03-01 12:00Z'
from auth.users
where email <> 'nadia@elsewhere.test';

insert into platform.organizations (id, name, slug, created_by, created_at) values
  ('01000000-0000-4000-8000-000000000001', 'Acme',     'acme',     'a0000000-0000-4000-8000-000000000001', '2025-03-02 12:00Z'),
  ('01000000-0000-4000-8000-000000000002', 'Borealis', 'borealis', 'a0000000-0000-4000-8000-000000000005', '2025-03-03 12:00Z'),
  ('01000000-0000-4000-8000-000000000003', 'Cobalt',   'cobalt',   'a0000000-0000-4000-8000-000000000010', '2025-03-04 12:00Z');

-- Who created an organization owns it; the others joined later.
insert into platform.organization_members (organization_id, user_id, role, joined_at)
select id, created_by, 'owner', created_at
from platform.organizations;

insert into platform.organization_members (organization_id, user_id, role, joined_at, revoked_at) values
  ('01000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000002', 'admin',  '2025-03-10 12:00Z', null),
  ('01000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000003', 'member', '2025-03-11 12:00Z', null),
  ('01000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000004', 'member', '2025-03-12 12:00Z', null),
  ('01000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000006', 'member', '2025-03-13 12:00Z', null),
  ('01000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000009', 'admin',  '2025-03-14 12:00Z', '2025-05-01 12:00Z'),
  ('01000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000007', 'member', '2025-03-15 12:00Z', '2025-05-02 12:00Z'),
  ('01000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000006', 'admin',  '2025-03-10 12:00Z', null),
  ('01000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000007', 'member', '2025-05-03 12:00Z', null),
  ('01000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000011', 'member', '2025-03-10 12:00Z', null);

insert into platform.projects (id, organization_id, name, tags, created_at) values
  ('02000000-0000-4000-8000-000000000001', '01000000-0000-4000-8000-000000000001', 'Apollo',  '{web,eu}', '2025-04-01 12:00Z'),
  ('02000000-0000-4000-8000-000000000002', '01000000-0000-4000-8000-000000000001', 'Argo',    '{batch}',  '2025-04-02 12:00Z'),
  ('02000000-0000-4000-8000-000000000003', '01000000-0000-4000-8000-000000000002', 'Boreas',  '{web}',    '2025-04-03 12:00Z'),
  ('02000000-0000-4000-8000-000000000004', '01000000-0000-4000-8000-000000000002', 'Bifrost', '{}',       '2025-04-04 12:00Z'),
  ('02000000-0000-4000-8000-000000000005', '01000000-0000-4000-8000-000000000003', 'Cirrus',  '{web}',    '2025-04-05 12:00Z');

insert into platform.project_members (project_id, user_id, role, added_at) values
  ('02000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000003', 'maintainer', '2025-04-10 12:00Z'),
  ('02000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000009', 'maintainer', '2025-04-10 12:00Z'),
  ('02000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000007', 'viewer',     '2025-04-10 12:00Z'),
  ('02000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000004', 'viewer',     '2025-04-10 12:00Z'),
  ('02000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000007', 'maintainer', '2025-05-10 12:00Z'),
  ('02000000-0000-4000-8000-000000000005', 'a0000000-0000-4000-8000-000000000011', 'maintainer', '2025-04-10 12:00Z');

insert into platform.billing_plans (id, name, monthly_cents, limits) values
  ('free', 'Free', 0,    '{"projects": 2}'),
  ('team', 'Team', 2500, '{"projects": 20, "sso": true}');

insert into platform.subscriptions (id, organization_id, plan_id, status, seats, renews_on) values
  ('03000000-0000-4000-8000-000000000001', '01000000-0000-4000-8000-000000000001', 'team', 'active',   10, '2026-03-02'),
  ('03000000-0000-4000-8000-000000000002', '01000000-0000-4000-8000-000000000002', 'team', 'past_due', 5,  '2025-12-03'),
  ('03000000-0000-4000-8000-000000000003', '01000000-0000-4000-8000-000000000003', 'free', 'active',   2,  null);

insert into platform.addon_catalog (code, name, monthly_cents, plans) values
  ('backups', 'Point-in-time recovery', 10000, '{team}'),
  ('domain',  'Custom domain',          1000,  '{free,team}'),
  ('ipv4',    'Dedicated IPv4',         400,   '{free,team}');

insert into platform.project_addons (project_id, addon_code, config, added_at) values
  ('02000000-0000-4000-8000-000000000001', 'backups', '{"days": 7}',               '2025-04-20 12:00Z'),
  ('02000000-0000-4000-8000-000000000002', 'domain',  '{"name": "argo.test"}',     '2025-04-21 12:00Z'),
  ('02000000-0000-4000-8000-000000000003', 'backups', '{"days": 14}',              '2025-04-22 12:00Z'),
  ('02000000-0000-4000-8000-000000000004', 'ipv4',    '{}',                        '2025-04-23 12:00Z'),
  ('02000000-0000-4000-8000-000000000005', 'domain',  '{"name": "cirrus.test"}',   '2025-04-24 12:00Z');

insert into platform.project_metrics (project_id, metric, value, measured_at)
select p.id, m.metric, 10.5 * m.place, timestamptz '2025-06-01 12:00Z'
from platform.projects p
cross join (values ('requests', 1), ('storage_gb', 2)) as m (metric, place)
order by p.id, m.place;

insert into platform.feature_flags (key, description, enabled) values
  ('branching', 'A database for each branch', false),
  ('replicas',  'Read replicas',              true);

insert into platform.organization_feature_flags (organization_id, flag_key, enabled) values
  ('01000000-0000-4000-8000-000000000001', 'branching', true),
  ('01000000-0000-4000-8000-000000000002', 'replicas',  false),
  ('01000000-0000-4000-8000-000000000003', 'branching', false);

insert into platform.user_sessions (user_id, token_hash, ip, user_agent, created_at)
select id, md5('session of ' || email), inet '192.0.2.0' + row_number() over (order by id), 'curl/8', '2025-06-01 12:00Z'
from platform.users;

-- Each organization has invited somebody who has not answered, and Borealis, in capitals, a member of Acme.
insert into platform.organization_invitations (id, organization_id, email, role, token_hash, invited_by, expires_at, accepted_at) values
  ('04000000-0000-4000-8000-000000000001', '01000000-0000-4000-8000-000000000001', 'nadia@elsewhere.test', 'member', 'hash of 1', 'a0000000-0000-4000-8000-000000000002', 'infinity', null),
  ('04000000-0000-4000-8000-000000000002', '01000000-0000-4000-8000-000000000002', 'Otto@Elsewhere.test',  'member', 'hash of 2', 'a0000000-0000-4000-8000-000000000006', 'infinity', null),
  ('04000000-0000-4000-8000-000000000003', '01000000-0000-4000-8000-000000000002', 'MIA@ACME.TEST',        'admin',  'hash of 3', 'a0000000-0000-4000-8000-000000000005', 'infinity', null),
  ('04000000-0000-4000-8000-000000000004', '01000000-0000-4000-8000-000000000003', 'nadia@elsewhere.test', 'member', 'hash of 4', 'a0000000-0000-4000-8000-000000000010', 'infinity', null),
  ('04000000-0000-4000-8000-000000000005', '01000000-0000-4000-8000-000000000001', 'max@acme.test',        'member', 'hash of 5', 'a0000000-0000-4000-8000-000000000001', '2025-04-01 12:00Z', '2025-03-12 12:00Z');

-- Each organization has a key in use and one that was revoked.
insert into platform.api_keys
  (id, organization_id, name, key_prefix, key_hash, scopes, created_by, created_at, revoked_at) values
  ('05000000-0000-4000-8000-000000000001', '01000000-0000-4000-8000-000000000001', 'deploy',  'ogl_a1', md5('key 1'), '{read,write}', 'a0000000-0000-4000-8000-000000000001', '2025-05-01 12:00Z', null),
  ('05000000-0000-4000-8000-000000000002', '01000000-0000-4000-8000-000000000001', 'reports', 'ogl_a2', md5('key 2'), '{read}',       'a0000000-0000-4000-8000-000000000009', '2025-04-20 12:00Z', '2025-05-01 12:00Z'),
  ('05000000-0000-4000-8000-000000000003', '01000000-0000-4000-8000-000000000002', 'deploy',  'ogl_b1', md5('key 3'), '{read,write}', 'a0000000-0000-4000-8000-000000000006', '2025-05-02 12:00Z', null),
  ('05000000-0000-4000-8000-000000000004', '01000000-0000-4000-8000-000000000002', 'reports', 'ogl_b2', md5('key 4'), '{read}',       'a0000000-0000-4000-8000-000000000005', '2025-04-21 12:00Z', '2025-06-01 12:00Z'),
  ('05000000-0000-4000-8000-000000000005', '01000000-0000-4000-8000-000000000003', 'deploy',  'ogl_c1', md5('key 5'), '{read,write}', 'a0000000-0000-4000-8000-000000000010', '2025-05-03 12:00Z', null),
  ('05000000-0000-4000-8000-000000000006', '01000000-0000-4000-8000-000000000003', 'reports', 'ogl_c2', md5('key 6'), '{read}',       'a0000000-0000-4000-8000-000000000011', '2025-04-22 12:00Z', '2025-06-02 12:00Z');
