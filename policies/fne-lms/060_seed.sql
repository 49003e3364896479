-- Rows for every cell of the matrix: for each set one row inside and one outside. Nothing here depends on the day.
--   Colegio Norte (1): Diana leads; Bruno and Belén teach; Raúl taught there until his role was revoked.
--   Liceo Sur (2):     Emilio leads; Fabiola and Gonzalo teach; Gonzalo came from Norte, where his role is off.
--   The network:       Adela is admin, Carlos consultor; Renata was consultor until her role was revoked.
--   Óscar has an account and nothing else; Nadia has not even a profile.

insert into auth.users (id, email) values
  ('a0000000-0000-4000-8000-000000000001', 'adela@fne.test'),
  ('a0000000-0000-4000-8000-000000000002', 'carlos@fne.test'),
  ('a0000000-0000-4000-8000-000000000003', 'diana@norte.test'),
  ('a0000000-0000-4000-8000-000000000004', 'bruno@norte.test'),
  ('a0000000-0000-4000-8000-000000000005', 'belen@norte.test'),
  ('a0000000-0000-4000-8000-000000000006', 'emilio@sur.test'),
  ('a0000000-0000-4000-8000-000000000007', 'fabiola@sur.test'),
  ('a0000000-0000-4000-8000-000000000008', 'gonzalo@sur.test'),
  ('a0000000-0000-4000-8000-000000000009', 'oscar@elsewhere.test'),
  ('a0000000-0000-4000-8000-000000000010', 'renata@fne.test'),
  ('a0000000-0000-4000-8000-000000000011', 'raul@norte.test'),
  ('a0000000-0000-4000-8000-000000000012', 'nadia@elsewhere.test');

insert into public.schools (id, name, comuna) values
  (1, 'Colegio Norte', 'Iquique'),
  (2, 'Liceo Sur', 'Valdivia');

insert into public.profiles (id, school_id, first_name, last_name, created_at) values
  ('a0000000-0000-4000-8000-000000000001', null, 'Adela',   'Aguirre',  '2025-03-01 12:00Z'),
  ('a0000000-0000-4000-8000-000000000002', null, 'Carlos',  'Correa',   '2025-03-01 12:00Z'),
  ('a0000000-0000-4000-8000-000000000003', 1,    'Diana',   'Donoso',   '2025-03-02 12:00Z'),
  ('a0000000-0000-4000-8000-000000000004', 1,    'Bruno',   'Bravo',    '2025-03-02 12:00Z'),
  ('a0000000-0000-4000-8000-000000000005', 1,    'Belén',   'Barra',    '2025-03-02 12:00Z'),
  ('a0000000-0000-4000-8000-000000000006', 2,    'Emilio',  'Espinoza', '2025-03-03 12:00Z'),
  ('a0000000-0000-4000-8000-000000000007', 2,    'Fabiola', 'Fuentes',  '2025-03-03 12:00Z'),
  ('a0000000-0000-4000-8000-000000000008', 2,    'Gonzalo', 'Godoy',    '2025-03-03 12:00Z'),
  ('a0000000-0000-4000-8000-000000000009', null, 'Óscar',   'Ovalle',   '2025-03-04 12:00Z'),
  ('a0000000-0000-4000-8000-000000000010', null, 'Renata',  'Rojas',    '2025-03-04 12:00Z'),
  ('a0000000-0000-4000-8000-000000000011', 1,    'Raúl',    'Riquelme', '2025-03-04 12:00Z');

insert into public.user_roles (id, user_id, role, school_id, is_active, created_at) values
  ('b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'admin',            null, true,  '2025-03-05 12:00Z'),
  ('b0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002', 'consultor',        null, true,  '2025-03-05 12:00Z'),
  ('b0000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000003', 'equipo_directivo', 1,    true,  '2025-03-05 12:00Z'),
  ('b0000000-0000-4000-8000-000000000004', 'a0000000-0000-4000-8000-000000000004', 'docente',          1,    true,  '2025-03-05 12:00Z'),
  ('b0000000-0000-4000-8000-000000000005', 'a0000000-0000-4000-8000-000000000005', 'docente',          1,    true,  '2025-03-05 12:00Z'),
  ('b0000000-0000-4000-8000-000000000006', 'a0000000-0000-4000-8000-000000000006', 'equipo_directivo', 2,    true,  '2025-03-05 12:00Z'),
  ('b0000000-0000-4000-8000-000000000007', 'a0000000-0000-4000-8000-000000000007', 'docente',          2,    true,  '2025-03-05 12:00Z'),
  ('b0000000-0000-4000-8000-000000000008', 'a0000000-0000-4000-8000-000000000008', 'docente',          2,    true,  '2025-03-05 12:00Z'),
  ('b0000000-0000-4000-8000-000000000009', 'a0000000-0000-4000-8000-000000000008', 'docente',          1,    false, '2025-03-05 12:00Z'),
  ('b0000000-0000-4000-8000-000000000010', 'a0000000-0000-4000-8000-000000000010', 'consultor',        null, false, '2025-03-05 12:00Z'),
  ('b0000000-0000-4000-8000-000000000011', 'a0000000-0000-4000-8000-000000000011', 'docente',          1,    false, '2025-03-05 12:00Z');

-- 2 and 7 are soft-deleted; 6 belongs to somebody whose role was revoked; 8 to somebody who changed schools.
insert into public.courses (id, school_id, owner_id, title, status, deleted_at, created_at, updated_at) values
  ('c0000000-0000-4000-8000-000000000001', 1, 'a0000000-0000-4000-8000-000000000004', 'Álgebra',          'published', null,                '2025-04-01 12:00Z', '2025-04-01 12:00Z'),
  ('c0000000-0000-4000-8000-000000000002', 1, 'a0000000-0000-4000-8000-000000000004', 'Geometría (2024)', 'published', '2025-06-01 12:00Z', '2025-04-02 12:00Z', '2025-06-01 12:00Z'),
  ('c0000000-0000-4000-8000-000000000003', 1, 'a0000000-0000-4000-8000-000000000003', 'Liderazgo',        'published', null,                '2025-04-03 12:00Z', '2025-04-03 12:00Z'),
  ('c0000000-0000-4000-8000-000000000004', 2, 'a0000000-0000-4000-8000-000000000007', 'Lectura',          'published', null,                '2025-04-04 12:00Z', '2025-04-04 12:00Z'),
  ('c0000000-0000-4000-8000-000000000005', 2, 'a0000000-0000-4000-8000-000000000006', 'Convivencia',      'draft',     null,                '2025-04-05 12:00Z', '2025-04-05 12:00Z'),
  ('c0000000-0000-4000-8000-000000000006', 1, 'a0000000-0000-4000-8000-000000000011', 'Historia local',   'published', null,                '2025-04-06 12:00Z', '2025-04-06 12:00Z'),
  ('c0000000-0000-4000-8000-000000000007', 2, 'a0000000-0000-4000-8000-000000000008', 'Robótica',         'draft',     '2025-06-02 12:00Z', '2025-04-07 12:00Z', '2025-06-02 12:00Z'),
  ('c0000000-0000-4000-8000-000000000008', 1, 'a0000000-0000-4000-8000-000000000008', 'Música',           'published', null,                '2025-04-08 12:00Z', '2025-04-08 12:00Z');

insert into public.course_enrollments (course_id, user_id, progress, enrolled_at) values
  ('c0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000005', 40,  '2025-05-01 12:00Z'),
  ('c0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000011', 10,  '2025-05-01 12:00Z'),
  ('c0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000005', 100, '2025-05-01 12:00Z'),
  ('c0000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000004', 25,  '2025-05-01 12:00Z'),
  ('c0000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000005', 75,  '2025-05-01 12:00Z'),
  ('c0000000-0000-4000-8000-000000000004', 'a0000000-0000-4000-8000-000000000008', 60,  '2025-05-01 12:00Z'),
  ('c0000000-0000-4000-8000-000000000005', 'a0000000-0000-4000-8000-000000000007', 0,   '2025-05-01 12:00Z'),
  ('c0000000-0000-4000-8000-000000000005', 'a0000000-0000-4000-8000-000000000008', 5,   '2025-05-01 12:00Z'),
  ('c0000000-0000-4000-8000-000000000006', 'a0000000-0000-4000-8000-000000000004', 90,  '2025-05-01 12:00Z'),
  ('c0000000-0000-4000-8000-000000000008', 'a0000000-0000-4000-8000-000000000005', 15,  '2025-05-01 12:00Z');

-- 3 entries: one of each school's docentes, and one of the man whose role was revoked.
insert into public.activity_feed (id, school_id, author_id, body, created_at) overriding system value values
  (1, 1, 'a0000000-0000-4000-8000-000000000004', 'Published Álgebra',      '2025-05-02 12:00Z'),
  (2, 2, 'a0000000-0000-4000-8000-000000000007', 'Published Lectura',      '2025-05-03 12:00Z'),
  (3, 1, 'a0000000-0000-4000-8000-000000000011', 'Enrolled in Álgebra',    '2025-05-04 12:00Z');
alter table public.activity_feed alter column id restart with 4;

-- 3 threads, and so 3 rows in community_threads; the third is soft-deleted.
insert into public.message_threads (id, school_id, created_by, subject, deleted_at, created_at) values
  ('70000000-0000-4000-8000-000000000001', 1, 'a0000000-0000-4000-8000-000000000004', 'Exam dates',         null,                '2025-05-05 12:00Z'),
  ('70000000-0000-4000-8000-000000000002', 2, 'a0000000-0000-4000-8000-000000000007', 'Library shelves',    null,                '2025-05-06 12:00Z'),
  ('70000000-0000-4000-8000-000000000003', 1, 'a0000000-0000-4000-8000-000000000004', 'Exam dates (wrong)', '2025-05-07 12:00Z', '2025-05-05 11:00Z');

-- 14 clients; the first ten pay for a school.
insert into public.clientes (id, rut, nombre, school_id)
select format('c1000000-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid,
       format('76.%s.200-%s', lpad((n * 37)::text, 3, '0'), n % 10),
       'Cliente ' || n,
       case when n <= 10 then 1 + n % 2 end
from generate_series(1, 14) as n;

-- 17 contracts: clients 1 to 6 have two, 7 to 11 one, 12 to 14 none (these three alone can be deleted).
insert into public.contratos (id, cliente_id, folio, inicio, monto_total)
select n,
       format('c1000000-0000-4000-8000-%s', lpad((1 + (n - 1) % 11)::text, 12, '0'))::uuid,
       'FNE-2025-' || lpad(n::text, 3, '0'),
       date '2025-03-01' + n,
       600000 + n * 1000
from generate_series(1, 17) as n;
alter sequence public.contratos_id_seq restart with 18;

-- 93 instalments: six each for contracts 1 to 8, five each for 9 to 17.
insert into public.cuotas (id, contrato_id, numero, monto, vence_el, pagada_el)
select row_number() over (order by c, k),
       c,
       k,
       100000 + c * 100,
       (date '2025-03-05' + make_interval(months => k))::date,
       case when k <= 2 then (date '2025-03-01' + make_interval(months => k))::date end
from generate_series(1, 17) as c,
     generate_series(1, case when c <= 8 then 6 else 5 end) as k;
alter table public.cuotas alter column id restart with 94;
