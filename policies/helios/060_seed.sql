-- Rows for every cell of the matrix. Nothing here depends on the day.
--   Aurora (1): Mara manages; Ana, Ben, Carla, Dario and Elif are members; Nina came today; Raúl's membership is revoked.
--   Boreal (2): Marek manages; Olga, Petra, Quinn, Rosa and Sven are members; Tove came today; Ulla's is revoked.
--   Adela and Petra keep the catalogue; Adela is in no organization. Óscar has an account and nothing else.

insert into auth.users (id, email) values
  ('a0000000-0000-4000-8000-000000000001', 'adela@helios.test'),
  ('a0000000-0000-4000-8000-000000000002', 'oscar@elsewhere.test'),
  ('a0000000-0000-4000-8000-000000000101', 'mara@aurora.test'),
  ('a0000000-0000-4000-8000-000000000102', 'ana@aurora.test'),
  ('a0000000-0000-4000-8000-000000000103', 'ben@aurora.test'),
  ('a0000000-0000-4000-8000-000000000104', 'carla@aurora.test'),
  ('a0000000-0000-4000-8000-000000000105', 'dario@aurora.test'),
  ('a0000000-0000-4000-8000-000000000106', 'elif@aurora.test'),
  ('a0000000-0000-4000-8000-000000000107', 'nina@aurora.test'),
  ('a0000000-0000-4000-8000-000000000108', 'raul@aurora.test'),
  ('a0000000-0000-4000-8000-000000000201', 'marek@boreal.test'),
  ('a0000000-0000-4000-8000-000000000202', 'olga@boreal.test'),
  ('a0000000-0000-4000-8000-000000000203', 'petra@boreal.test'),
  ('a0000000-0000-4000-8000-000000000204', 'quinn@boreal.test'),
  ('a0000000-0000-4000-8000-000000000205', 'rosa@boreal.test'),
  ('a0000000-0000-4000-8000-000000000206', 'sven@boreal.test'),
  ('a0000000-0000-4000-8000-000000000207', 'tove@boreal.test'),
  ('a0000000-0000-4000-8000-000000000208', 'ulla@boreal.test'),
  ('a0000000-0000-4000-8000-000000000301', 'vera@elsewhere.test');

insert into public.platform_admins (user_id, reason) values
  ('a0000000-0000-4000-8000-000000000001', 'runs the platform'),
  ('a0000000-0000-4000-8000-000000000203', 'writes the modules');

insert into public.organizations (id, name, locale) values
  (1, 'Aurora', 'es'),
  (2, 'Boreal', 'nb');

-- Everybody has all fourteen fields: a field that is NULL anyway would prove nothing when it does not show.
insert into public.organization_users (
  id, organization_id, name, role, status, employee_number,
  bio, email, fun_facts, interests, personal_email, phone, video_intro, voice_intro,
  pronouns, mobile_phone, location, job_title, work_phone, timezone
)
select
  format('a0000000-0000-4000-8000-000000000%s0%s', org, n)::uuid,
  org,
  name,
  case n when 1 then 'manager' else 'member' end,
  case n when 8 then 'revoked' else 'active' end,
  format('%s-%s', org, 7000 + n),
  format('%s has worked here for %s years.', name, n),
  format('%s@%s.test', lower(name), domain),
  format('%s owns %s bicycles.', name, n + 1),
  array['chess', 'hobby ' || n],
  format('%s@private.test', lower(name)),
  format('+34 910 %s 0%s', org, n),
  format('https://media.test/%s%s.mp4', org, n),
  format('https://media.test/%s%s.ogg', org, n),
  case n % 3 when 0 then 'he/him' when 1 then 'she/her' else 'they/them' end,
  format('+34 610 %s 0%s', org, n),
  format('Floor %s', n),
  format('Engineer %s', n),
  format('+34 911 %s 0%s', org, n),
  case org when 1 then 'Europe/Madrid' else 'Europe/Oslo' end
from (values
  (1, 1, 'Mara', 'aurora'), (1, 2, 'Ana', 'aurora'), (1, 3, 'Ben', 'aurora'), (1, 4, 'Carla', 'aurora'),
  (1, 5, 'Dario', 'aurora'), (1, 6, 'Elif', 'aurora'), (1, 7, 'Nina', 'aurora'), (1, 8, 'Raul', 'aurora'),
  (2, 1, 'Marek', 'boreal'), (2, 2, 'Olga', 'boreal'), (2, 3, 'Petra', 'boreal'), (2, 4, 'Quinn', 'boreal'),
  (2, 5, 'Rosa', 'boreal'), (2, 6, 'Sven', 'boreal'), (2, 7, 'Tove', 'boreal'), (2, 8, 'Ulla', 'boreal')
) as people (org, n, name, domain);

-- Levels go round by person and field, so that of the five colleagues of whoever looks, at least one shows each field to
-- everyone, one to managers, and one to nobody. Three things have no row at all and are hidden by that: one of the last
-- three fields of each person (the one whose turn would be none), and everything of Nina and Tove, who came today.
-- Raúl and Ulla left theirs behind.
insert into public.user_field_visibility (user_id, field_name, visibility_level)
select
  format('a0000000-0000-4000-8000-000000000%s0%s', org, n)::uuid,
  field,
  (array['everyone', 'manager', 'none'])[1 + (n + k) % 3]
from generate_series(1, 2) as org,
     unnest(array[1, 2, 3, 4, 5, 6, 8]) as n,
     unnest(array[
       'bio', 'email', 'fun_facts', 'interests', 'personal_email', 'phone', 'video_intro', 'voice_intro',
       'pronouns', 'mobile_phone', 'location', 'job_title', 'work_phone', 'timezone'
     ]) with ordinality as fields (field, k)
where not (k >= 12 and (n + k) % 3 = 2);

-- Goals and kudos stand on no dashboard: these two alone can be deleted.
insert into public.available_modules (module_key, title, is_enabled) values
  ('calendar', 'Calendar',        true),
  ('news',     'News',            true),
  ('people',   'People',          true),
  ('tasks',    'Tasks',           true),
  ('goals',    'Goals',           true),
  ('kudos',    'Kudos (retired)', false);

insert into public.user_dashboard_widgets (id, user_id, widget_type, position, is_visible) overriding system value values
  (1,  'a0000000-0000-4000-8000-000000000101', 'people',   0, true),
  (2,  'a0000000-0000-4000-8000-000000000101', 'tasks',    1, true),
  (3,  'a0000000-0000-4000-8000-000000000102', 'calendar', 0, true),
  (4,  'a0000000-0000-4000-8000-000000000102', 'news',     1, false),
  (5,  'a0000000-0000-4000-8000-000000000103', 'tasks',    0, true),
  (6,  'a0000000-0000-4000-8000-000000000108', 'calendar', 0, true),
  (7,  'a0000000-0000-4000-8000-000000000201', 'people',   0, true),
  (8,  'a0000000-0000-4000-8000-000000000202', 'calendar', 0, true),
  (9,  'a0000000-0000-4000-8000-000000000202', 'tasks',    1, true),
  (10, 'a0000000-0000-4000-8000-000000000203', 'news',     0, true);
alter table public.user_dashboard_widgets alter column id restart with 11;
