-- One table for each thing that a request over HTTP can run into.

-- The gateway lives in another time zone than the controls.
alter role authenticator set timezone to 'Asia/Kolkata';

create function me() returns text language sql stable as
  $$ select nullif(current_setting('request.jwt.claims', true), '')::json->>'sub' $$;

create table todos (id int primary key, owner text not null, title text not null);
insert into todos values (1, 'alice', 'a1'), (2, 'alice', 'a2'), (3, 'bob', 'b1');
alter table todos enable row level security;
create policy own on todos to authenticated using (owner = me()) with check (owner = me());
grant all on todos to anon, authenticated, service_role;

create table ungranted (id int primary key, title text not null);
insert into ungranted values (1, 'a'), (2, 'b');

create table unpoliced (id int primary key, title text not null);
insert into unpoliced values (1, 'a'), (2, 'b');
alter table unpoliced enable row level security;
grant all on unpoliced to authenticated;

create table posts (id int primary key, owner text not null, title text not null);
insert into posts values (1, 'alice', 'p1'), (2, 'bob', 'p2'), (3, 'bob', 'p3');
alter table posts enable row level security;
create policy everybody on posts for select using (true);
create policy own on posts for update to authenticated using (owner = me()) with check (owner = me());
create policy gone on posts for delete to authenticated using (owner = me());
grant select on posts to anon;
grant select, update, delete on posts to authenticated;

-- A check that takes one value only, and rows that satisfy it already.
create table drafts (id int primary key, note text, status text not null);
insert into drafts values (1, 'n1', 'draft'), (2, 'n2', 'live'), (3, 'n3', 'live');
alter table drafts enable row level security;
create policy see on drafts for select using (true);
create policy set_draft on drafts for update using (true) with check (status = 'draft');
grant select, update on drafts to authenticated;

-- Everything may be chosen, nothing may be written.
create table sealed (id int primary key, note text);
insert into sealed values (1, 'n1'), (2, 'n2');
alter table sealed enable row level security;
create policy see on sealed for select using (true);
create policy never on sealed for update using (true) with check (false);
grant select, update on sealed to authenticated;

-- A check that takes each row's own value only.
create table coded (id int primary key, code text);
insert into coded select n, 'c' || n from generate_series(1, 8) n;
alter table coded enable row level security;
create policy see on coded for select using (true);
create policy own_code on coded for update using (true) with check (code = 'c' || id);
grant select, update (code) on coded to authenticated;

-- A foreign key protects one row of three.
create table parents (id int primary key, owner text not null);
create table children (id int primary key, parent int references parents);
insert into parents values (1, 'alice'), (2, 'alice'), (3, 'bob');
insert into children values (10, 1);
alter table parents enable row level security;
create policy own on parents to authenticated using (owner = me());
grant select, delete on parents to authenticated;

create table members (org text, usr text, role text, primary key (org, usr));
insert into members values ('a,b', 'alice', 'admin'), ('a,b', 'bob', 'member'), ('c', 'bob', 'admin');
alter table members enable row level security;
create policy see on members for select to authenticated using (true);
create policy own on members for update to authenticated using (usr = me()) with check (role = 'member');
create policy leave on members for delete to authenticated using (usr = me());
grant select, update, delete on members to authenticated;

create table "oddKeys" ("Key Text" text primary key, "limit" int, "userId" text);
insert into "oddKeys" values
  ('a,b', 1, 'alice'), ('"quoted"', 2, 'alice'), ('two words', 3, 'bob'), ('(parens)', 4, 'alice'), ('😀 é', 5, 'bob'),
  ('back\slash', 6, 'alice'), ('50% & more = ?#', 7, 'bob'), ('', 8, 'alice'), ('eq.1', 9, 'bob'), ('null', 10, 'alice');
alter table "oddKeys" enable row level security;
create policy own on "oddKeys" to authenticated using ("userId" = me()) with check ("limit" > 0);
grant all on "oddKeys" to authenticated;

create table uuids (id uuid primary key, owner text);
insert into uuids values ('7c9e6679-7425-40de-944b-e07fc1f90ae7', 'alice'), ('7c9e6679-7425-40de-944b-e07fc1f90ae8', 'bob');
create table times (id timestamptz primary key, owner text);
insert into times values ('2024-02-29 23:59:59.000001+05:30', 'alice'), ('2024-02-29 23:59:59.000002+05:30', 'bob'),
  ('infinity', 'alice'), ('0044-03-15 12:00 BC', 'bob');
create table bigs (id bigint primary key, owner text);
insert into bigs values (9007199254740993, 'alice'), (9007199254740992, 'bob');
create table exacts (id numeric primary key, owner text);
insert into exacts values (1.50, 'alice'), (1.500000000000000000001, 'bob');
do $$ declare name text; begin
  foreach name in array array['uuids', 'times', 'bigs', 'exacts'] loop
    execute format('alter table %I enable row level security', name);
    execute format('create policy own on %I to authenticated using (owner = me()) with check (owner = me())', name);
    execute format('grant all on %I to authenticated', name);
  end loop;
end $$;

-- The key is there and may not be read.
create table hidden (id int primary key, owner text, title text);
insert into hidden values (1, 'alice', 'h'), (2, 'alice', 'h'), (3, 'bob', 'h');
alter table hidden enable row level security;
create policy own on hidden to authenticated using (owner = me());
grant select (owner, title), update (title), delete on hidden to authenticated;

create table keyless (owner text, title text);
insert into keyless values ('alice', 'same'), ('alice', 'same'), ('bob', 'same');
alter table keyless enable row level security;
create policy own on keyless to authenticated using (owner = me());
grant all on keyless to authenticated;

create table recursive (id int primary key, team int);
insert into recursive values (1, 1);
alter table recursive enable row level security;
create policy team on recursive using (exists (select from recursive r where r.team = recursive.team));
grant all on recursive to authenticated;

create table dropbox (id int primary key, owner text, body text);
alter table dropbox enable row level security;
create policy put on dropbox for insert to authenticated with check (owner = me());
grant insert on dropbox to authenticated;

-- A trigger that signs rows in the writer's name, whatever they said.
create table signed (id int primary key, owner text, amount numeric(6, 2), at timestamptz, tags text[], about jsonb);
create function sign() returns trigger language plpgsql as $$ begin new.owner := me(); return new; end $$;
create trigger sign before insert on signed for each row execute function sign();
grant all on signed to authenticated;
create table signed_unseen (id int primary key, owner text);
create trigger sign before insert on signed_unseen for each row execute function sign();
grant insert on signed_unseen to authenticated;

-- A trigger that swallows every change.
create table swallowed (id int primary key, title text);
insert into swallowed values (1, 'a'), (2, 'b');
create function swallow() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger swallow before update or delete or insert on swallowed for each row execute function swallow();
grant all on swallowed to authenticated;

-- A trigger that could swallow, over rows that most cannot see.
create table stamped (id int primary key, owner text, at timestamptz);
insert into stamped values (1, 'alice', null), (2, 'alice', null);
create function stamp() returns trigger language plpgsql as $$ begin new.at := now(); return new; end $$;
create trigger stamp before update on stamped for each row execute function stamp();
alter table stamped enable row level security;
create policy own on stamped to authenticated using (owner = me()) with check (owner = me());
grant all on stamped to authenticated;

-- Row by row, and no key to name a row by.
create table sealed_keyless (owner text, note text);
insert into sealed_keyless values ('alice', 'n1'), ('bob', 'n2');
alter table sealed_keyless enable row level security;
create policy see on sealed_keyless for select using (true);
create policy own on sealed_keyless for update using (true) with check (owner = me());
grant select, update on sealed_keyless to authenticated;

-- UPDATE and DELETE for everybody, SELECT of one's own rows.
create table blindspot (id int primary key, owner text, title text);
insert into blindspot values (1, 'alice', 'x'), (2, 'bob', 'y'), (3, 'bob', 'z');
alter table blindspot enable row level security;
create policy own on blindspot for select to authenticated using (owner = me());
create policy change on blindspot for update to authenticated using (true);
create policy remove on blindspot for delete to authenticated using (true);
grant select, update, delete on blindspot to authenticated;

-- A course may be moved to another school only out of sight.
create table courses (id int primary key, school int not null, title text);
insert into courses values (1, 1, 'c1'), (2, 1, 'c2'), (3, 2, 'c3');
alter table courses enable row level security;
create policy see on courses for select to authenticated using (school = 1);
create policy change on courses for update to authenticated using (school = 1) with check (true);
grant select, update on courses to authenticated;
create table kept (like courses including all);
insert into kept select * from courses;
alter table kept enable row level security;
create policy see on kept for select to authenticated using (true);
create policy change on kept for update to authenticated using (school = 1) with check (school = 1);
grant select, update on kept to authenticated;

create table profiles (id text primary key, bio text, rank int default 0);
insert into profiles values ('alice', 'a', 1), ('bob', 'b', 2), ('carol', 'c', 3);
alter table profiles enable row level security;
create policy see on profiles for select to authenticated using (true);
create policy join_ on profiles for insert to authenticated with check (true);
create policy own on profiles for update to authenticated using (id = me());
grant select, insert, update on profiles to authenticated;

-- Only ON CONFLICT DO NOTHING would be quiet here; merging needs an UPDATE policy.
create table insert_only (id text primary key, bio text);
insert into insert_only values ('alice', 'a'), ('bob', 'b');
alter table insert_only enable row level security;
create policy see on insert_only for select to authenticated using (true);
create policy join_ on insert_only for insert to authenticated with check (true);
grant select, insert, update on insert_only to authenticated;

create table uniques (id int primary key, code text not null unique, owner text);
insert into uniques values (1, 'x', 'bob');
alter table uniques enable row level security;
create policy own on uniques to authenticated using (owner = me()) with check (owner = me());
grant all on uniques to authenticated;

create domain positive as int check (value > 0);
create table domains (id int primary key, amount positive);
alter table domains enable row level security;
grant all on domains to authenticated;

create table many (id int primary key, owner text, title text);
insert into many select n, case when n % 3 = 0 then 'alice' else 'bob' end, 't' from generate_series(1, 2500) n;
alter table many enable row level security;
create policy own on many to authenticated using (owner = me()) with check (owner = me());
grant all on many to authenticated;
-- As many rows as declared, and others.
create table swapped (id int primary key, owner text, title text);
insert into swapped select * from many;
alter table swapped enable row level security;
create policy wrong on swapped to authenticated
  using ((owner = me() and id <> 3) or (me() = 'alice' and id = 1));
grant all on swapped to authenticated;

create table many_pairs (a int, b text, owner text, primary key (a, b));
insert into many_pairs select n / 10, (n % 10)::text || ',', case when n % 3 = 1 then 'alice' else 'bob' end
from generate_series(1, 2100) n;
alter table many_pairs enable row level security;
create policy own on many_pairs to authenticated using (owner = me());
grant all on many_pairs to authenticated;
-- More rows than one statement may touch where others work.
create table huge (id int primary key, owner text);
insert into huge select n, case when n % 2 = 0 then 'alice' else 'bob' end from generate_series(1, 10001) n;
alter table huge enable row level security;
create policy own on huge to authenticated using (owner = me());
grant all on huge to authenticated;

-- Another schema, which a request must ask for.
create schema platform;
grant usage on schema platform to authenticated;
create table platform.projects (id int primary key, owner text);
insert into platform.projects values (1, 'alice'), (2, 'bob');
alter table platform.projects enable row level security;
create policy own on platform.projects to authenticated using (owner = me());
grant all on platform.projects to authenticated;

-- A view that filters by identity: full sight must look behind it.
create view my_todos as select id, title from todos where owner = me();
grant select on my_todos to authenticated;

grant select on all tables in schema public to service_role;
revoke select on ungranted from service_role;
