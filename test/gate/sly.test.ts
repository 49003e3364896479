import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GateRecord, gateExitCode, powerText } from "../../src/model/gate.ts";
import { sideWriteText } from "../../src/report/gate.ts";
import { type GateProject, guiltyLines, openGateProject, shown } from "./project.ts";

/** Each way in is closed here, and each migration below opens one without saying so. */
const sql = `
create role auditor nologin;
create role reader nologin;
create schema internal;
grant usage on schema public, internal to auditor, reader;
grant create on schema public to reader;
create table public.secrets (id int primary key, owner uuid not null, word text, archived boolean not null default false);
alter table public.secrets enable row level security, force row level security;
grant select on public.secrets to auditor, authenticated, reader;
create policy audited on public.secrets for select to auditor using (true);
create policy one on public.secrets for select to authenticated using (id = 1);
insert into public.secrets values (1, '10000000-0000-4000-8000-000000000001', 'a'), (2, '10000000-0000-4000-8000-000000000002', 'b');
create view public.words with (security_invoker = true) as select id, word from public.secrets;
create view public.counted as select id from public.secrets;
alter view public.counted owner to reader;
grant select on public.words, public.counted to authenticated;
create table public.drafts (id int primary key, owner uuid not null, role text not null default 'member');
alter table public.drafts enable row level security, force row level security;
alter table public.drafts owner to authenticated;
insert into public.drafts values (1, '10000000-0000-4000-8000-000000000001'), (2, '10000000-0000-4000-8000-000000000002');
create table public.people (id int primary key, owner uuid not null, role text not null default 'member', phone text);
alter table public.people enable row level security, force row level security;
grant select (id, owner, role), update (role) on public.people to authenticated;
create policy own on public.people to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
create policy signed_in on public.people as restrictive to authenticated using (coalesce(current_setting('app.open', true), '') <> 'off');
insert into public.people values (1, '10000000-0000-4000-8000-000000000001'), (2, '10000000-0000-4000-8000-000000000002');
create function internal.keep_role() returns trigger language plpgsql as $$ begin raise exception 'the role stays' using errcode = 'P0001'; end $$;
create trigger keep_role before update of role on public.people for each row execute function internal.keep_role();
create function internal.is_ana() returns boolean language sql stable as $$ select auth.uid() = '10000000-0000-4000-8000-000000000001' $$;
grant usage on schema internal to authenticated;
create table public.reports (id int primary key, body text);
alter table public.reports enable row level security, force row level security;
grant select on public.reports to authenticated;
create policy ana on public.reports for select to authenticated using (internal.is_ana());
create policy closed on public.reports as restrictive for select to authenticated using (id > 1);
insert into public.reports values (1, 'x'), (2, 'y');
create table internal.ledger (id int primary key);
create table internal.shelf (id int primary key);
grant trigger on internal.shelf to authenticated;
insert into internal.ledger values (1);
create type public.mood as enum ('calm');
create table public.posts (id int primary key, owner uuid not null, body text);
alter table public.posts enable row level security, force row level security;
grant select, insert, update, delete on public.posts to authenticated;
create policy own on public.posts to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
insert into public.posts values (1, '10000000-0000-4000-8000-000000000001', 'mine'), (2, '10000000-0000-4000-8000-000000000002', 'hers');
create table public.wall (id int, body text);
alter table public.wall enable row level security, force row level security;
grant select on public.wall to authenticated;
create policy everyone on public.wall for select to authenticated using (true);
insert into public.wall values (0, 'welcome');
create table public.hidden (id int, body text);
alter table public.hidden enable row level security, force row level security;
insert into public.hidden values (1, 'not yours');
create table public.members (person uuid primary key, team int not null);
alter table public.members enable row level security, force row level security;
insert into public.members values ('10000000-0000-4000-8000-000000000001', 1), ('10000000-0000-4000-8000-000000000002', 2);
create function internal.team() returns int language sql stable security definer set search_path = '' as 'select team from public.members where person = auth.uid()';
create table public.profiles (id uuid primary key, full_name text not null default '', role text not null default 'member', email text);
alter table public.profiles enable row level security, force row level security;
grant select on public.profiles to authenticated;
create policy own on public.profiles to authenticated using (id = auth.uid()) with check (id = auth.uid());
insert into public.profiles (id) values ('10000000-0000-4000-8000-000000000001'), ('10000000-0000-4000-8000-000000000002');
create table public.plans (id int primary key, team int not null);
alter table public.plans enable row level security, force row level security;
grant select on public.plans to authenticated;
create policy team on public.plans for select to authenticated using (team = internal.team() or current_setting('app.editor', true) = 'on' or exists (select from public.profiles p where p.id = auth.uid() and p.role = 'admin'));
insert into public.plans values (1, 1), (2, 2);
create function internal.stamp() returns trigger language plpgsql as $$ begin new.body := trim(new.body); return new; end $$;
create trigger stamp before insert or update on public.posts for each row execute function internal.stamp();
create function internal.log_report(n int) returns void language sql security definer set search_path = '' as 'insert into internal.ledger values (n)';
create function public.file_report(n int) returns int language plpgsql security definer set search_path = '' as $$ begin perform internal.log_report(n); return n; end $$;
revoke execute on function internal.log_report(int), public.file_report(int) from public;
grant execute on function public.file_report(int) to authenticated;
create function public.top_word() returns text language sql stable security definer set search_path = '' as 'select max(word) from public.secrets where id = 1';
create function public.count_posts() returns bigint language sql stable as 'select count(*) from public.posts';
create table public.cards (id int primary key, owner uuid not null, plan text not null default 'free', note text);
alter table public.cards enable row level security, force row level security;
grant select, update on public.cards to authenticated;
create policy own on public.cards for select to authenticated using (owner = auth.uid());
create policy own_update on public.cards for update to authenticated using (owner = auth.uid()) with check (owner = auth.uid() and plan = 'free');
insert into public.cards values (1, '10000000-0000-4000-8000-000000000001'), (2, '10000000-0000-4000-8000-000000000002');
create table internal.secrets (id int primary key, word text);
create function public.find_word(word_id int) returns setof text language plpgsql stable security definer set search_path = '' as $$
declare
  caller uuid := auth.uid();
  v_limit int := 1; -- at most
  found_word text;
begin
  if caller is null then
    raise exception 'sign in' using errcode = '42501';
  end if;
  for found_word in select s.word from public.secrets s where s.id = word_id and s.owner = caller order by s.id limit v_limit loop
    return next found_word;
  end loop;
  return;
end $$;
revoke execute on function public.find_word(int) from public;
grant execute on function public.find_word(int) to authenticated;
create table public.tickets (id int generated always as identity, subject text, short text generated always as (left(subject, 3)) stored);
alter table public.tickets enable row level security, force row level security;
grant insert on public.tickets to authenticated;
create table public.seats (id int primary key, owner uuid not null, plan text not null default 'free', places int not null default 1, note text);
alter table public.seats enable row level security, force row level security;
grant select, update on public.seats to authenticated;
create policy own on public.seats for select to authenticated using (owner = auth.uid());
create policy own_update on public.seats for update to authenticated using (owner = auth.uid())
  with check (owner = auth.uid() and ((plan = 'free' and places = 1) or (plan = 'team' and places = 5)));
insert into public.seats values (1, '10000000-0000-4000-8000-000000000001'), (2, '10000000-0000-4000-8000-000000000002');
create function internal.keep_note() returns trigger language plpgsql as $$ begin if new.note = 'gold' and new.places < 5 then raise exception 'not you'; end if; return new; end $$;
create trigger keep_note before update on public.seats for each row execute function internal.keep_note();
create table public.invitations (id int primary key, by uuid not null, role text not null default 'member' check (role <> 'owner'));
alter table public.invitations enable row level security, force row level security;
grant select, insert on public.invitations to authenticated;
create policy own on public.invitations for select to authenticated using (by = auth.uid());
create policy invites on public.invitations for insert to authenticated with check (by = auth.uid() and role <> 'admin');
create view public.fenced with (security_barrier) as select id, word from public.secrets where id = 1;
grant select on public.fenced to authenticated;
create domain public.grade as int check (value < 6);
create table public.grades (id int primary key, grade public.grade not null);
alter table public.grades enable row level security, force row level security;
grant select on public.grades to authenticated;
create policy top on public.grades for select to authenticated using (grade >= 6);
insert into public.grades values (1, 3);
create publication supabase_realtime for table public.wall;
create sequence public.numbers;
create extension file_fdw schema internal;
create server files foreign data wrapper file_fdw;
create materialized view internal.totals as select count(*) as n from public.secrets;
create function internal.plan_names() returns setof int language sql stable set search_path = '' as 'select id from public.plans';
create table public.offers (id int primary key);
alter table public.offers enable row level security, force row level security;
grant select on public.offers to authenticated;
create policy of_plan on public.offers for select to authenticated using (id in (select internal.plan_names()));
insert into public.offers values (1), (2);
select lo_from_bytea(4711, 'kept');
`;
const matrix = `matrix: notes
personas:
  anon: { role: anon }
  ana:  { role: authenticated, claims: { sub: 10000000-0000-4000-8000-000000000001 } }
  bea:  { role: authenticated, claims: { sub: 10000000-0000-4000-8000-000000000002 } }
exposes: [public]
relations:
  notes:
    rows: { mine: owner = :sub }
    expect: { anon: deny, ana: { '*': mine, insert: deny }, bea: { '*': mine, insert: deny } }
  secrets:
    rows: { first: id = 1 }
    expect: { anon: deny, ana: { select: first, '*': deny }, bea: { select: first, '*': deny } }
  words:
    rows: { first: id = 1 }
    expect: { anon: deny, ana: { select: first, '*': deny }, bea: { select: first, '*': deny } }
  counted:
    control: { from: secrets }
    expect: { anon: deny, ana: deny, bea: deny }
  drafts:
    expect: { anon: deny, ana: deny, bea: deny }
  people:
    rows: { mine: owner = :sub }
    expect:
      anon: deny
      ana: { select: mine, update: { rows: mine, set: { role: member }, never: { promoted: { role: admin } } }, '*': deny }
      bea: { select: mine, '*': deny }
  posts:
    rows: { mine: owner = :sub }
    insert: { own: { id: 7, owner: :sub, body: x } }
    expect: { anon: deny, ana: { '*': mine, insert: { accept: [own] } }, bea: { '*': mine, insert: { accept: [own] } } }
  wall:
    expect: { anon: deny, ana: { select: allow, '*': deny }, bea: { select: allow, '*': deny } }
  invitations:
    insert: { own: { id: 7, by: :sub } }
    expect: { anon: deny, ana: { insert: { accept: [own] }, '*': deny }, bea: deny }
  tickets: { expect: { anon: deny, ana: deny, bea: deny } }
  hidden: { expect: { anon: deny, ana: deny, bea: deny } }
  members: { expect: { anon: deny, ana: deny, bea: deny } }
  profiles:
    rows: { mine: id = :sub }
    expect: { anon: deny, ana: { select: mine, '*': deny }, bea: { select: mine, '*': deny } }
  plans:
    rows: { first: id = 1, second: id = 2 }
    expect: { anon: deny, ana: { select: first, '*': deny }, bea: { select: second, '*': deny } }
  cards:
    rows: { mine: owner = :sub }
    expect: { anon: deny, ana: { select: mine, update: mine, '*': deny }, bea: { select: mine, update: mine, '*': deny } }
  seats:
    rows: { mine: owner = :sub }
    expect: { anon: deny, ana: { select: mine, update: mine, '*': deny }, bea: { select: mine, update: mine, '*': deny } }
  reports:
    rows: { second: id = 2 }
    expect: { anon: deny, ana: { select: second, '*': deny }, bea: deny }
  fenced:
    rows: { first: id = 1 }
    control: { from: secrets }
    expect: { anon: deny, ana: { select: first, '*': deny }, bea: { select: first, '*': deny } }
  grades: { expect: { anon: deny, ana: deny, bea: deny } }
  offers:
    rows: { first: id = 1, second: id = 2 }
    expect: { anon: deny, ana: { select: first, '*': deny }, bea: { select: second, '*': deny } }
functions:
  top_word: { calls: { it: {} }, expect: { '*': allow } }
  find_word: { calls: { one: { word_id: 1 } }, expect: { anon: deny, '*': allow } }
  count_posts: { calls: { it: {} }, expect: { '*': allow } }
  file_report: { calls: { one: { n: 7 } }, expect: { anon: deny, ana: allow, bea: allow } }
`;

let project: GateProject;
beforeAll(async () => {
  project = await openGateProject(matrix, sql);
});
afterAll(async () => {
  await project?.[Symbol.asyncDispose]();
});

/** Without what the matrix left out before. */
function brought({ findings }: GateRecord): GateRecord["findings"] {
  return findings.filter(({ before }) => before !== true);
}

/** Migrations that open something, by statements of their own. */
const sly: Readonly<Record<string, readonly [sql: string]>> = {
  "a policy checks less of the new row": [
    "alter policy own_update on public.cards with check (owner = auth.uid());",
  ],
  "default privileges": ["alter default privileges in schema public grant select on tables to anon;"],
  "default privileges of another creator": [
    "alter default privileges for role reader grant select on tables to anon;",
  ],
  "a role becomes a member of one that reads": ["grant auditor to authenticated;"],
  "a SECURITY DEFINER function": [
    "create function public.all_words() returns setof text language sql security definer as 'select word from public.secrets';",
  ],
  "a view reads with its owner's rights": ["alter view public.words reset (security_invoker);"],
  "a view gets an owner who passes policies": ["alter view public.counted owner to postgres;"],
  "a policy is for another role": ["alter policy audited on public.secrets to auditor, authenticated;"],
  "a policy for everyone who is signed in beside the tight one": [
    "create policy audit on public.secrets for select to public using (current_user = 'authenticated');",
  ],
  "FORCE off, for its owner": ["alter table public.drafts no force row level security;"],
  "a role passes policies": ["alter role authenticated bypassrls;"],
  "a copy that no policy covers": [
    "create table public.secrets_2026 as select * from public.secrets;\ngrant select on public.secrets_2026 to authenticated;",
  ],
  "a column is granted": ["grant select (phone) on public.people to authenticated;"],
  "a guard trigger is switched off": ["alter table public.people disable trigger keep_role;"],
  "a guard's function lets everything through": [
    "create or replace function internal.keep_role() returns trigger language plpgsql as $$ begin return new; end $$;",
  ],
  "a helper that says yes": [
    "create or replace function internal.is_ana() returns boolean language sql stable as 'select true';",
  ],
  "a helper opens for users whom no row names": [
    "create function internal.is_new() returns boolean language sql stable security definer set search_path = '' as 'select not exists (select from public.members where person = auth.uid())';\ncreate policy new_users on public.posts for select to authenticated using (internal.is_new());",
  ],
  "a restrictive policy goes": ["drop policy closed on public.reports;"],
  TRUNCATE: ["grant truncate on public.reports to authenticated;"],
  "row-level security off, by a statement that is put together": [
    "do $$ begin execute format('alter table %I.%I disable row level security', 'public', 'reports'); end $$;",
  ],
  "a materialized view of what is hidden": [
    "create materialized view public.copied as select * from public.secrets;\ngrant select on public.copied to anon;",
  ],
  "a rule that writes with its owner's rights": [
    "create rule put as on insert to public.words do instead insert into public.secrets (id, owner, word) values (new.id, '10000000-0000-4000-8000-000000000001', new.word);\ngrant insert on public.words to authenticated;",
  ],
  "rows that the data does not hold": ["alter policy one on public.secrets using (id = 1 or archived);"],
  "as many rows as before, and others": ["alter policy one on public.secrets using (id = 2);"],
  "rows of a table that was there, by the name of another": [
    "alter table public.hidden inherit public.wall;",
  ],
  "a membership among the data": [
    "update public.members set team = 2 where person = '10000000-0000-4000-8000-000000000001';",
  ],
  "an event trigger that grants each new table": [
    "create function internal.open_all() returns event_trigger language plpgsql security definer as $$ declare t record; begin for t in select object_identity as name from pg_event_trigger_ddl_commands() where object_type = 'table' loop execute 'grant select on ' || t.name || ' to anon'; end loop; end $$;\ncreate event trigger open_all on ddl_command_end execute function internal.open_all();",
  ],
  "a setting of the gateway's login that a policy trusts": [
    "alter role authenticator set app.editor = 'on';",
  ],
  "the gateway's login may become any role": ["alter role authenticator superuser;"],
  "another role for requests without a token": [
    "alter role authenticator set pgrst.db_anon_role = 'authenticated';",
  ],
  "an owner without FORCE": [
    "alter table public.members owner to authenticated;\nalter table public.members no force row level security;",
  ],
  "rows that go with others": [
    "alter table public.hidden add constraint with_post foreign key (id) references public.posts on delete cascade not valid;",
  ],
  "a domain lets in a value that a policy opens": ["alter domain public.grade drop constraint grade_check;"],
  "a partition that holds rows": [
    "create table public.parts (id int, body text) partition by list (id);\ngrant select on public.parts to authenticated;\nalter table public.parts attach partition public.hidden default;",
  ],
  "security_invoker off": ["alter view public.words set (security_invoker = off);"],
  "a policy's helper reads with its owner's rights": [
    "alter function internal.plan_names() security definer;",
  ],
  "a schema has another owner": ["alter schema internal owner to authenticated;"],
  "a column that a policy's helper finds by its name": [
    "alter table public.members rename column team to team_before;\nalter table public.members add column team int not null default 1;",
  ],
  "default privileges of another role": [
    "alter default privileges for role reader in schema public grant insert on tables to authenticated;",
  ],
  "dynamic SQL that finds its policies in the catalogue": [
    "do $$ declare p record; begin for p in select policyname, tablename from pg_policies where schemaname = 'public' and permissive = 'RESTRICTIVE' loop execute format('drop policy %I on public.%I', p.policyname, p.tablename); end loop; end $$;",
  ],
  "another role for some statements": [
    "begin;\nset local role reader;\ncreate view public.of_reader as select id, word from public.secrets;\ngrant select on public.of_reader to anon;\ncommit;",
  ],
  "a rule that changes another table": [
    "create rule also as on update to public.posts do also update public.wall set body = new.body;",
  ],
  "a role for some statements ends with its transaction": [
    "begin;\nset local role auditor;\ncommit;\ndrop policy closed on public.reports;",
  ],
  "a foreign table that no server answers for": [
    "create foreign table public.elsewhere (line text) server files options (filename '/nowhere/at/all');\ngrant select on public.elsewhere to authenticated;",
  ],
  "a gateway's schemas, by a setting of its login": [
    "alter role authenticator set pgrst.db_schemas = 'public, internal';\ngrant select on internal.ledger to anon;\ngrant usage on schema internal to anon;",
  ],
};

test.each(Object.entries(sly))("is stopped: %s", async (_, [statements]) => {
  const record = await project.gated(
    `comment on schema public is 'x';\n${statements}\ncomment on schema public is 'y';`,
  );
  expect(gateExitCode({ ...record, findings: brought(record) })).toBe(1);
  const lines = guiltyLines(record);
  expect(lines.every((line) => line > 1 && line < 2 + statements.split("\n").length)).toBe(true);
});

function onNewAccount(name: string, body: string): string {
  return `create function internal.${name}() returns trigger language plpgsql security definer set search_path = '' as $$ begin ${body} end $$; create trigger ${name} after insert on auth.users for each row execute function internal.${name}();`;
}

/** What several statements open, and no row at hand shows; each of its own. */
const unseen: Readonly<Record<string, readonly (readonly [sql: string, shows: RegExp])[]>> = {
  "a guard that refuses less": [
    [
      "create or replace function internal.keep_role() returns trigger language plpgsql as $$ begin if auth.jwt() -> 'user_metadata' ->> 'admin' is distinct from '1' then raise exception 'the role stays' using errcode = 'P0001'; end if; return new; end $$;",
      /^trigger keep_role on public\.people is changed, and refuses rows: what it lets through now was not compared; read it, then waive internal\.keep_role/,
    ],
  ],
  "what other code writes": [
    [
      "create function internal.copy() returns trigger language plpgsql security definer set search_path = '' as $$ begin insert into public.wall values (new.id, new.body); return new; end $$; create trigger copy after insert on public.posts for each row execute function internal.copy();",
      /^trigger copy on public\.posts .* writes public\.wall[:;].* waive internal\.copy\(\) in the matrix/,
    ],
    [
      "create function internal.raise_role(who uuid) returns void language sql security definer as $$ update public.people set role = 'admin' where owner = who $$; create or replace function internal.keep_role() returns trigger language plpgsql security definer as $$ begin perform internal.raise_role(new.owner); return new; end $$;",
      /^trigger keep_role on public\.people .* writes public\.people:/,
    ],
    [
      "create or replace function internal.stamp() returns trigger language plpgsql security definer as $$ begin execute 'insert into public.' || 'wall values (1, $1)' using new.body; return new; end $$;",
      /^trigger stamp on public\.posts .* writes what SQL says that is put together/,
    ],
    [
      "create function internal.hand_over() returns trigger language plpgsql as $$ begin new.owner := '10000000-0000-4000-8000-000000000001'; return new; end $$; create trigger hand_over before update on public.posts for each row execute function internal.hand_over();",
      /^trigger hand_over on public\.posts .* writes the column owner of the row, which policies read/,
    ],
    [
      "create function internal.fill() returns trigger language plpgsql security definer set search_path = '' as $$ begin select s.word into new.body from public.secrets s limit 1; return new; end $$; create trigger fill before insert on public.posts for each row execute function internal.fill();",
      /^trigger fill on public\.posts .* writes the row, from what it reads/,
    ],
    [
      onNewAccount(
        "role_as_sent",
        "insert into public.profiles (id, role) values (new.id, coalesce(new.raw_user_meta_data ->> 'role', 'member')); return new;",
      ),
      /^trigger role_as_sent on auth\.users .* writes public\.profiles: what that opens was not compared/,
    ],
    [
      onNewAccount(
        "copied",
        "insert into public.profiles (id, full_name) select new.id, s.word from public.secrets s limit 1; return new;",
      ),
      /^trigger copied on auth\.users .* writes public\.profiles: what that opens was not compared/,
    ],
    [
      onNewAccount(
        "chosen",
        "if new.email like '%@acme.test' then insert into public.profiles (id, role) values (new.id, 'admin'); end if; return new;",
      ),
      /^trigger chosen on auth\.users .* writes public\.profiles: what that opens was not compared/,
    ],
    [
      onNewAccount(
        "otherwise",
        "insert into public.profiles (id, full_name) values (new.id, new.raw_user_meta_data ->> 'name'); return new; exception when others then insert into public.profiles (id, role) values (new.id, 'admin'); return new;",
      ),
      /^trigger otherwise on auth\.users .* writes public\.profiles: what that opens was not compared/,
    ],
    [
      "create rule also as on insert to public.posts do also insert into public.wall values (new.id, new.body);",
      /^rule also on public\.posts .* writes public\.wall/,
    ],
    [
      "create or replace function internal.log_report(n int) returns void language sql security definer set search_path = '' as $$ update public.people set role = 'admin' $$;",
      /^function public\.file_report\(n integer\) .* writes public\.people/,
    ],
    [
      "create or replace function public.top_word() returns text language sql stable security definer set search_path = '' as 'select max(word) from public.secrets';",
      /^function public\.top_word\(\) is changed, and runs with its owner's rights: what it returns now was not compared/,
    ],
    [
      "alter table public.posts alter column owner set default '10000000-0000-4000-8000-000000000001';",
      /^default of public\.posts\.owner .* writes the column owner of the row/,
    ],
  ],
  "code that runs by another name than its own": [
    [
      "create function internal.put(n int) returns boolean language plpgsql security definer set search_path = '' as $$ begin insert into public.wall values (1, 'x'); return true; end $$; create domain internal.counted as int check (value is null or internal.put(value)); alter table public.posts add column n internal.counted;",
      /^the check counted_check of the domain internal\.counted .* writes public\.wall/,
    ],
    [
      "create function internal.put_id(n int) returns boolean language plpgsql immutable as $$ begin return internal.put(n); end $$; create index on public.posts (internal.put_id(id)) where id > 1000;",
      /^indexes of public\.posts .* writes? public\.wall/,
    ],
    [
      "create function internal.same(a text, b text) returns boolean language sql as 'select internal.put(1)'; create operator internal.=== (leftarg = text, rightarg = text, function = internal.same); alter table public.people add constraint known check (phone operator(internal.===) phone) not valid;",
      /^the operator internal\.===\(text,text\) .* writes public\.wall/,
    ],
    [
      "create function internal.one_more(n int, x int) returns int language sql as 'select internal.put(x)::int'; create aggregate internal.told(int) (sfunc = internal.one_more, stype = int, initcond = '0');",
      /^the aggregate internal\.told\(integer\) .* writes public\.wall/,
    ],
    [
      "create function internal.as_mood(text) returns public.mood language sql as $$ select case when internal.put(1) then 'calm'::public.mood end $$; create cast (text as public.mood) with function internal.as_mood(text);",
      /^the cast from text to public\.mood .* writes public\.wall/,
    ],
  ],
  "what roles could hand on, change or become": [
    [
      "grant select on public.wall to authenticated with grant option;",
      /authenticated may grant SELECT on public\.wall to others/,
    ],
    [
      "alter function public.count_posts() security definer;",
      /^public\.count_posts\(\) runs with its owner's rights \(SECURITY DEFINER\)/,
    ],
    ["grant trigger on public.wall to anon;", /anon has trigger on public\.wall/],
    ["alter function internal.is_ana() owner to authenticated;", /authenticated owns internal\.is_ana\(\)/],
    [
      "grant create on schema internal to authenticated;",
      /authenticated may create objects in schema internal/,
    ],
    ["create role empty nologin; grant empty to anon;", /anon is a member of empty/],
    ["alter role anon createrole;", /anon may create roles/],
    ["alter type public.mood owner to authenticated;", /^authenticated owns the type public\.mood/],
    [
      "grant select on pg_catalog.pg_statistic to authenticated;",
      /^authenticated has select on all of pg_statistic/,
    ],
    [
      "grant select (rolpassword) on pg_catalog.pg_authid to anon;",
      /^anon has select on rolpassword of pg_authid/,
    ],
    [
      "grant select (id) on internal.ledger to authenticated;",
      /^authenticated has select on the column internal\.ledger\.id/,
    ],
    [
      "grant usage on foreign data wrapper file_fdw to authenticated;",
      /^authenticated may make servers of the foreign-data wrapper file_fdw/,
    ],
    [
      "update pg_language set lanpltrusted = true where lanname = 'c';",
      /^who may create functions may write them in c/,
    ],
    [
      "alter table public.tickets alter column id set generated by default;",
      /^authenticated may choose the values of public\.tickets\.id, which was GENERATED ALWAYS/,
    ],
    [
      "alter table public.tickets alter column short drop expression;",
      /^authenticated may choose the values of public\.tickets\.short, which was GENERATED ALWAYS/,
    ],
    [
      "alter table public.hidden add constraint of_card foreign key (id) references public.cards on update cascade not valid;",
      /authenticated changes rows of public\.hidden with rows of public\.cards \(ON UPDATE\)/,
    ],
    ["grant maintain on public.wall to authenticated;", /authenticated has maintain on public\.wall/],
    [
      "grant references (id) on public.secrets to authenticated;",
      /authenticated has references on columns of public\.secrets/,
    ],
    [
      "grant execute on function internal.log_report(int) to authenticated;",
      /authenticated may call internal\.log_report\(integer\), which runs with its owner's rights/,
    ],
    ["grant insert on internal.ledger to authenticated;", /authenticated has insert on internal\.ledger/],
    [
      "grant execute on function pg_catalog.pg_ls_logdir() to authenticated;",
      /authenticated may call pg_ls_logdir\(\)/,
    ],
    [
      "alter function internal.log_report(int) reset search_path;",
      /log_report\(integer\) runs with its owner's rights and looks names up by its caller's/,
    ],
    [
      "do $$ begin execute format('alter database %I set app.admin = %L', current_database(), 'on'); end $$;",
      /^each new session of the database begins with app\.admin=on/,
    ],
    ["alter view public.fenced set (security_barrier = false);", /^public\.fenced has no security_barrier/],
    ["alter function internal.is_ana() leakproof;", /^internal\.is_ana\(\) is LEAKPROOF/],
    [
      "alter function pg_catalog.pg_notify(text, text) leakproof;",
      /^\d+ functions of Postgres itself are LEAKPROOF/,
    ],
    [
      "create publication warehouse for table public.secrets;",
      /^changes of public\.secrets are published by warehouse: subscribers may see rows/,
    ],
    [
      "alter publication supabase_realtime add table internal.ledger;",
      /^changes of internal\.ledger are published by supabase_realtime, and no row-level security hides any/,
    ],
    [
      "alter table public.wall replica identity full;",
      /^the old row of each change of public\.wall is published whole/,
    ],
    [
      "alter extension file_fdw add function internal.plan_names();",
      /^the extension file_fdw has other functions than before/,
    ],
    [
      "alter role authenticated set app.editor = 'on';",
      /^a request as authenticated perhaps begins with app\.editor=on/,
    ],
    [
      "create procedure internal.wipe() language sql security definer as 'delete from public.posts';",
      /^authenticated may call the procedure internal\.wipe\(\)/,
    ],
    ["grant auditor to authenticator;", /^authenticator is a member of auditor/],
    ["create extension dblink schema public;", /^the extension dblink is installed in public/],
    [
      "create foreign table internal.passwd (line text) server files options (filename '/etc/passwd');",
      /^rows of the foreign table internal\.passwd are another server's \(files\)/,
    ],
    [
      "create user mapping for public server files;",
      /^what the foreign server files reaches is new or changed \(\w+\)/,
    ],
    ["grant update on sequence public.numbers to anon;", /^anon has update on the sequence public\.numbers/],
    [
      "create sequence public.places; grant usage on sequence public.places to authenticated;",
      /^authenticated has usage on the sequence public\.places/,
    ],
    ["grant select on large object 4711 to anon;", /^anon may SELECT the large object 4711/],
    [
      "alter default privileges grant usage on sequences to anon;",
      /^anon will hold USAGE on each sequence that \w+ creates/,
    ],
    [
      "alter default privileges in schema internal grant select on tables to authenticated;",
      /^authenticated will hold SELECT on each table that \w+ creates in internal/,
    ],
    [
      "create function internal.as_id(text) returns uuid language sql immutable as $$ select '10000000-0000-4000-8000-000000000001'::uuid $$; create cast (text as uuid) with function internal.as_id(text) as implicit;",
      /^a cast from text to uuid runs internal\.as_id\(text\)/,
    ],
    [
      "alter role authenticator set pgrst.jwt_role_claim_key = '.user_metadata.role';",
      /each new session of authenticator begins with pgrst\.jwt_role_claim_key/,
    ],
  ],
};

test.each(Object.entries(unseen))("is stopped, each at its statement: %s", async (_, all) => {
  const record = await project.gated(all.map(([statement]) => statement).join("\n"));
  const found = [
    ...record.sideWrites.map((one) => [sideWriteText(one), one.statement] as const),
    ...record.powers.map((one) => [powerText(one), one.statement] as const),
  ].map(([text, statement]) => `${text} | line ${record.statements[statement ?? -1]?.line}`);
  for (const [index, [statement, shows]] of all.entries())
    expect(found, statement).toContainEqual(
      expect.stringMatching(new RegExp(`${shows.source}.* \\| line ${index + 1}$`)),
    );
  expect(gateExitCode({ ...record, findings: [], gained: [], broken: [], future: [] })).toBe(1);
});

const topWord =
  "create or replace function public.top_word() returns text language sql stable security definer";

function findWord(body: string, settings = "set search_path = ''"): string {
  return `create or replace function public.find_word(word_id int) returns setof text language plpgsql stable security definer ${settings} as $$ ${body} $$;`;
}

const rest =
  "select s.word from public.secrets s where s.id = word_id and s.owner = caller order by s.id limit v_limit";
const check = "if caller is null then raise exception 'sign in' using errcode = '42501'; end if;";
const declared = "caller uuid := auth.uid(); v_limit int := 1; found_word text;";
const loop = `for found_word in ${rest} loop return next found_word; end loop; return; end`;

/** Another body of a function that runs with its owner's rights, and of whose rows the matrix says nothing. */
const otherBodies: Readonly<Record<string, string>> = {
  "a dropped WHERE": `${topWord} set search_path = '' as 'select max(word) from public.secrets';`,
  "another table": `${topWord} set search_path = '' as 'select max(word) from internal.secrets where id = 1';`,
  "another column": `${topWord} set search_path = '' as 'select max(owner::text) from public.secrets where id = 1';`,
  "another condition": `${topWord} set search_path = '' as 'select max(word) from public.secrets where id >= 1';`,
  "a number that looks like another": findWord(
    `declare ${declared.replace(":= 1", ":= 1e5")} begin ${check} ${loop}`,
  ),
  "no search_path": `${topWord} as 'select max(word) from public.secrets where id = 1';`,
  "a removed check": findWord(`declare ${declared} begin ${loop}`),
  "a check that is a message": findWord(
    `declare ${declared} begin ${check.replace("exception", "notice")} ${loop}`,
  ),
  "a check behind what it guards": findWord(
    `declare ${declared} begin ${loop.replace("return; end", "")} ${check} return; end`,
  ),
  "a command more": findWord(
    `declare ${declared} begin ${check} delete from public.secrets where id = word_id; ${loop}`,
  ),
  "a message that holds what the function has read": findWord(
    `declare ${declared} begin ${check} for found_word in ${rest} loop raise notice '%', found_word; return next found_word; end loop; return; end`,
  ),
  "a message of an argument that holds what was read": findWord(
    `declare ${declared} begin ${check} select max(s.id) into word_id from public.secrets s; raise notice '%', word_id; ${loop}`,
  ),
  "a variable by the name of a column": findWord(
    `declare ${declared.replace("caller", "owner")} begin ${check.replace("caller", "owner")} ${loop.replace("= caller", "= owner")}`,
  ),
  "another value of a variable": findWord(
    `declare ${declared.replace(":= 1", ":= 10")} begin ${check} ${loop}`,
  ),
  "values that change their variables": findWord(
    `declare ${declared.replace("caller", "x").replace("found_word", "caller").replace("x", "found_word")} begin ${check} ${loop}`,
  ),
  "no search_path for the body that was there": findWord(`declare ${declared} begin ${check} ${loop}`, ""),
  "an alias of another argument": findWord(
    `declare caller alias for $1; v_limit int := 1; found_word text; begin ${check} ${loop}`,
  ),
  "SQL that is put together": findWord(
    `declare ${declared} begin ${check} return query execute 'select word from public.secrets'; return; end`,
  ),
  "a check that compares what is hidden with an argument": findWord(
    `declare ${declared} begin ${check} if exists (select from public.secrets s where s.id > word_id) then raise exception 'no'; end if; ${loop}`,
  ),
  "another greatest of fewer rows": `${topWord} set search_path = '' as 'select max(word) from public.secrets where id = 1 and owner = auth.uid()';`,
  "a schema in which its caller may create":
    "grant create on schema public to authenticated; alter function public.find_word(int) set search_path = public, pg_temp;",
  "all rows of a query that gave the first":
    "drop function public.top_word(); create function public.top_word() returns setof text language sql stable security definer set search_path = '' as 'select max(word) from public.secrets where id = 1'; grant execute on function public.top_word() to public;",
};

test.each(Object.entries(otherBodies))("a body that may reach more is stopped: %s", async (_, statement) => {
  const record = await project.gated(`select 1;\n${statement}\nselect 2;`);
  expect(record.sideWrites.map(sideWriteText)).toEqual([
    expect.stringMatching(/^function public\.(?:top|find)_word\(.*\) is (?:new or )?changed/),
  ]);
  expect([guiltyLines(record), gateExitCode(record)]).toEqual([[2], 1]);
});

/** Written otherwise, with the same reach. */
const sameBodies: Readonly<Record<string, string>> = {
  "comments, spaces, letters and signs": `${topWord} set search_path = '' as $$
    -- the first
    SELECT  Max ( "word" ) FROM public.secrets WHERE (id = 1) $$;`,
  "renamed variables in another order, and messages": findWord(`declare
      the_word text;
      v_most int := 1;
      v_caller uuid := auth.uid();
    begin
      raise log 'find_word(%) at %', word_id, now();
      IF v_caller IS NULL THEN raise notice 'refused'; raise exception 'sign in' using errcode = '42501'; end if;
      ${rest.replace("caller", "v_caller").replace("v_limit", "v_most").replace("select", "for the_word in select")} loop
        return next the_word; /* one at a time */
      end loop;
      return;
    end`),
};

test.each(Object.entries(sameBodies))("a body that reaches the same passes: %s", async (_, statement) => {
  const record = await project.gated(statement);
  expect([record.gained, record.lost, record.sideWrites, record.powers]).toEqual([[], [], [], []]);
  expect(record.notes).toEqual([
    expect.stringMatching(
      /^function public\.\w+_word\(.*\) is written otherwise, and does what it did: 0 gained, 0 lost$/,
    ),
  ]);
  expect(gateExitCode({ ...record, findings: brought(record) })).toBe(0);
});

/** Tighter than they were. */
const tighterBodies: Readonly<Record<string, string>> = {
  "one more check": findWord(
    `declare ${declared} begin ${check} if word_id < 1 or not exists (select 1 from public.members m where m.person = caller) then raise exception 'no such word: %', word_id; end if; ${loop}`,
  ),
  "one more AND": `${topWord} set search_path = '' as 'select max(word) from public.secrets where id = 1 and (select auth.uid()) is not null';`,
  "temporary objects come last": "alter function public.top_word() set search_path = pg_catalog, pg_temp;",
};

test.each(Object.entries(tighterBodies))("a body that does no more passes: %s", async (_, statement) => {
  const record = await project.gated(statement);
  expect([record.gained, record.sideWrites, record.powers]).toEqual([[], [], []]);
  expect(record.notes).toEqual([
    expect.stringMatching(
      /^function public\.\w+_word\(.*\) is written otherwise, and does no more than it did: 0 gained$/,
    ),
  ]);
});

function setting(column: string, on: string): string {
  return `create trigger set_${column} before insert on public.${on} for each row execute function internal.set_${column}();`;
}

test("a column is one that policies read where they read it of that table, or its generated columns do", async () => {
  const record = await project.gated(`alter table public.posts add column subject text;
create function internal.set_subject() returns trigger language plpgsql as $$ begin new.subject := 'x'; return new; end $$;
create function internal.set_archived() returns trigger language plpgsql as $$ begin new.archived := true; return new; end $$;
create function internal.set_owner() returns trigger language plpgsql as $$ begin new.owner := '10000000-0000-4000-8000-000000000001'; return new; end $$;
${setting("subject", "posts")}
${setting("subject", "tickets")}
${setting("owner", "secrets")}
${setting("owner", "posts")}
create policy of_secrets on public.grades for select to authenticated using (exists (select from public.secrets s where s.archived and s.id = 3));
${setting("archived", "secrets")}`);
  expect(record.sideWrites.map(sideWriteText).toSorted()).toEqual([
    expect.stringMatching(
      /^trigger set_archived on public\.secrets .* writes the column archived of the row, which policies read/,
    ),
    expect.stringMatching(
      /^trigger set_owner on public\.posts .* writes the column owner of the row, which policies read/,
    ),
    expect.stringMatching(
      /^trigger set_subject on public\.tickets .* writes the column subject of the row, which policies read/,
    ),
  ]);
  expect(guiltyLines(record)).toEqual([6, 8, 10]);
});

/** Triggers on new accounts that do the same each time: a stranger signs up, and what is in reach then is compared. */
const signUps: Readonly<Record<string, readonly [body: string, shows: readonly RegExp[]]>> = {
  "a constant that policies ask about, and an address that others read": [
    "insert into public.profiles (id, role) values (new.id, 'admin'); insert into public.wall (id, body) values (1, new.email); return new;",
    [
      /a new user may then select more of public\.plans/,
      /ana, bea may read the new row of public\.wall, which holds the account's email/,
    ],
  ],
  "a row that no sign-up puts in": [
    "insert into public.profiles (id, full_name) values (new.id, (new.raw_user_meta_data ->> 'n')::int::text); return new; exception when others then return new;",
    [/a sign-up puts no row into public\.profiles/],
  ],
};

test.each(Object.entries(signUps))("a sign-up is tried: %s", async (_, [body, shows]) => {
  const record = await project.gated(`select 1;\n${onNewAccount("handle_new_user", body)}`);
  const [found] = record.sideWrites;
  for (const one of shows) expect(found && sideWriteText(found)).toMatch(one);
  expect([record.sideWrites.length, guiltyLines(record), gateExitCode(record)]).toEqual([1, [2], 1]);
});

/** Triggers that do the same at each write: one is sent in each persona's name. */
const writes: Readonly<Record<string, readonly [body: string, shows: RegExp]>> = {
  "into a table that no persona reads": [
    "insert into internal.entries (actor, what, body) values (auth.uid(), tg_op, new.body); return new;",
    /^$/,
  ],
  "into a table that others read, of who wrote": [
    "insert into public.wall (id, body) values (7, 'someone wrote'); return new;",
    /^$/,
  ],
  "into a table that others read, of what was written": [
    "insert into public.wall (body) values (upper(new.body)); return new;",
    /it was tried: .*a new user may read a new row of public\.wall, which holds body of what another wrote.* line 3$/,
  ],
  "of what a function of Postgres reads": [
    "insert into internal.entries (body) values (query_to_xml('select * from public.secrets', true, false, '')::text); return new;",
    /writes internal\.entries, what SQL says that is put together when it runs: what that opens was not compared.* line 3$/,
  ],
  "into a table that policies read": [
    "insert into public.members (person, team) values (auth.uid(), 2) on conflict do nothing; return new;",
    /writes public\.members: what that opens was not compared.* line 3$/,
  ],
  "into a column by which rows are shared": [
    "insert into public.people (id, owner) values (new.id, new.owner); return new;",
    /writes public\.people: what that opens was not compared.* line 3$/,
  ],
  "where no write of a persona fires it": [
    "insert into internal.entries (id) values (1), (1); return new;",
    /writes internal\.entries: what that opens was not compared.* line 3$/,
  ],
};

test.each(Object.entries(writes))("a trigger on a write is tried: %s", async (_, [body, shows]) => {
  const record =
    await project.gated(`create table internal.entries (id int generated by default as identity, actor uuid, what text, body text);
create function internal.entered() returns trigger language plpgsql security definer set search_path = '' as $$ begin ${body} end $$;
create trigger entered after insert or update on public.posts for each row execute function internal.entered();`);
  const found = record.sideWrites.map(
    (one) => `${sideWriteText(one)} line ${record.statements[one.statement ?? -1]?.line}`,
  );
  expect(found.join("\n")).toMatch(shows);
});

/** Migrations that change no access. */
const harmless: Readonly<Record<string, string>> = {
  "a row of another, in a table whose rows users change":
    "insert into public.posts values (3, '10000000-0000-4000-8000-000000000003', 'theirs');",
  "a policy's check is written otherwise":
    "alter policy own_update on public.cards with check ('free' = plan and (select auth.uid()) = owner);",
  "a column is renamed": "alter table public.reports rename column body to text;",
  "a policy is renamed": "alter policy ana on public.reports rename to ana_reads;",
  "an index": "create index on public.secrets (owner);",
  "an index that cannot be made in a transaction": "create index concurrently on public.secrets (word);",
  "an identity is made anew, and one that no user writes":
    "alter table public.tickets alter column id drop identity;\nalter table public.tickets alter column id add generated always as identity;\ncreate table internal.counted_once (id int generated by default as identity);",
  "a comment":
    "comment on table public.secrets is 'never shown';\ncomment on policy one on public.secrets is 'the first';",
  statistics: "create statistics public.together on id, owner from public.secrets;\nanalyze public.secrets;",
  "what the planner assumes, and how a table is stored":
    "alter function internal.is_ana() cost 10 parallel safe;\nalter table public.posts set (fillfactor = 90), alter column body set storage external;",
  "a materialized view is refreshed": "refresh materialized view internal.totals;",
  "extensions that bring functions alone":
    "create extension pgcrypto schema internal; create extension tablefunc schema internal; create extension moddatetime schema internal;",
  "a table of which a role holds more than rows show is renamed":
    "alter table internal.shelf rename to rack;",
  "an event trigger that writes nothing":
    "create function internal.told() returns event_trigger language plpgsql as $$ begin raise debug 'changed'; end $$;\ncreate event trigger told on ddl_command_end execute function internal.told();",
  "a barrier, a timeout, a sequence of a table whose rows may be inserted, and less": `alter view public.words set (security_barrier = true);
    alter role authenticated set statement_timeout = '9s';
    alter publication supabase_realtime drop table public.wall;
    alter function internal.is_ana() not leakproof;
    revoke select on public.wall from anon;
    create sequence public.post_ids owned by public.posts.id;
    grant usage on sequence public.post_ids to authenticated;`,
  "what a role is for some statements ends with them":
    "begin;\nset local role reader;\nselect 1;\ncommit;\ncomment on schema public is 'x';",
  "a constraint": "alter table public.people add constraint short check (length(role) < 100);",
  "a policy says the same by a helper": `create function internal.is_mine(owner uuid) returns boolean language sql stable as 'select owner = auth.uid()';
    alter policy own on public.people using (internal.is_mine(owner)) with check (internal.is_mine(owner));`,
  "a helper that asks which users no row names opens their own rows alone": `create function internal.is_new() returns boolean language sql stable security definer set search_path = '' as 'select not exists (select from public.members where person = auth.uid())';
    create policy new_users on public.posts for select to authenticated using (internal.is_new() and owner = auth.uid());`,
  "a policy for all commands becomes four": `drop policy own on public.notes;
    create policy r on public.notes for select to authenticated using (owner = auth.uid());
    create policy i on public.notes for insert to authenticated with check (owner = auth.uid());
    create policy u on public.notes for update to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
    create policy d on public.notes for delete to authenticated using (owner = auth.uid());`,
  "a type is made wider, and maintenance":
    "alter table public.people alter column phone type varchar(200);\nvacuum public.people;",
  "an enum has one more value, which is used":
    "alter type public.mood add value 'glad';\nalter table public.reports add column mood public.mood default 'glad';",
  "more rows of the same kind":
    "insert into public.secrets values (3, '10000000-0000-4000-8000-000000000002', 'c');",
  "a trigger that stamps the row, and the body of one, written otherwise": `alter table public.posts add column changed timestamptz;
    create function internal.touch() returns trigger language plpgsql as $$ begin new.changed := now(); return new; end $$;
    create trigger touch before update on public.posts for each row execute function internal.touch();
    create or replace function internal.log_report(n int) returns void language sql security definer set search_path = '' as 'insert  into internal.ledger -- as before
      values (n)';`,
  "a trigger, its function and its table are renamed; who may execute them": `alter trigger stamp on public.posts rename to stamped;
    alter function internal.stamp() rename to stamp_body;
    revoke execute on function internal.stamp_body() from public;`,
  "a tighter policy beside, a new table in reach of none, a helper of a policy": `create table internal.jobs (id int primary key, role text not null default 'member');
    alter table internal.jobs enable row level security;
    create index jobs_role on internal.jobs (role);
    create function internal.is_signed_in() returns boolean language sql stable as 'select auth.uid() is not null';
    create policy signed_in_too on public.posts as restrictive to authenticated using (internal.is_signed_in());`,
  "a new account gets its own row": onNewAccount(
    "handle_new_user",
    "insert into public.profiles (id, full_name, email) values (new.id, coalesce(new.raw_user_meta_data ->> 'full_name', ''), new.email) on conflict do nothing; return new;",
  ),
  "an own transaction that is rolled back": "begin;\ngrant select on public.secrets to anon;\nrollback;",
};

test.each(Object.entries(harmless))("0 gained, 0 lost: %s", async (_, statements) => {
  const record = await project.gated(statements);
  expect(shown(record)).toEqual([]);
  const { broken, unknown, sideWrites, powers } = record;
  const findings = brought(record);
  expect({ broken, unknown, sideWrites, powers, findings }).toEqual({
    broken: [],
    unknown: [],
    sideWrites: [],
    powers: [],
    findings: [],
  });
});

/** Of a row: what was refused, and is accepted now. */
const newValues: Readonly<Record<string, readonly [sql: string, example: string]>> = {
  "a value that the new policy names": [
    "alter policy own_update on public.cards with check (owner = auth.uid() and plan in ('free', 'pro'));",
    "plan = pro",
  ],
  "two values together that no policy let in": [
    "alter policy own_update on public.seats with check (owner = auth.uid() and ((plan = 'free' and places = 1) or (plan = 'team' and places = 5) or (plan = 'pro' and places = 9)));",
    "plan = pro, places = 9",
  ],
  "of a new row: the policy lets in more": [
    "alter policy invites on public.invitations with check (by = auth.uid());",
    "role = admin",
  ],
  "of a new row: a check is gone": [
    "alter table public.invitations drop constraint invitations_role_check; alter policy invites on public.invitations with check (by = auth.uid() and role in ('member', 'owner'));",
    "role = owner",
  ],
  "of a column that no policy reads, and a trigger refused": [
    "drop trigger keep_note on public.seats;",
    "note = gold",
  ],
};

test.each(Object.entries(newValues))("values of a row are gained: %s", async (_, [statement, example]) => {
  const record = await project.gated(
    `select 1;\n${statement}\ncreate function internal.twice(n int) returns int language sql as 'select 2 * n';`,
  );
  expect(record.gained.flatMap((one) => (one.values === true ? one.examples : []))).toContain(example);
  expect([guiltyLines(record), gateExitCode(record)]).toEqual([[2], 1]);
});

test("what a policy checked before, and does not check now, is shown as values of a row", async () => {
  const record = await project.gated(
    "select 1;\ndrop policy own_update on public.cards;\ncreate policy own_update on public.cards for update to authenticated using (owner = auth.uid());",
  );
  const values = record.gained.filter((one) => one.values === true);
  expect(values.map(({ persona, operation, relation }) => `${persona} ${operation} ${relation}`)).toEqual([
    "ana update public.cards",
    "bea update public.cards",
  ]);
  expect(values[0]?.examples).toContain("plan = rowgate");
  expect(guiltyLines(record)).toEqual([3]);
});

test("Realtime asks the SELECT policies of a table that is published: that is noted, and stops nothing", async () => {
  const record = await project.gated(
    "alter table public.wall replica identity full; alter publication supabase_realtime add table public.posts, public.secrets;",
  );
  expect(record.powers.map(powerText)).toEqual([
    "the old row of each change of public.wall is published whole (REPLICA IDENTITY FULL)",
  ]);
  expect(record.notes).toEqual([
    expect.stringMatching(/^Realtime sends changes of public\.posts, public\.secrets from now on/),
  ]);
});

describe("where a statement cannot run inside a transaction", () => {
  test("on a target that is no copy, it is refused with its line", async () => {
    await expect(
      project.gated(
        "comment on schema public is 'x';\ncreate index concurrently on public.secrets (word);",
        "",
        {
          clones: undefined,
        },
      ),
    ).rejects.toMatchObject({ code: "gate/outside-transaction", at: { file: "migration.sql", line: 2 } });
  });

  test("roles that change before it would change the state before as well: refused", async () => {
    await expect(
      project.gated("alter role reader bypassrls;\ncreate index concurrently on public.secrets (word);"),
    ).rejects.toMatchObject({ code: "gate/roles-and-commits" });
    await project.gated("alter role reader nobypassrls;\nselect 1;");
  });

  test("what stands before and behind it is found all the same", async () => {
    const record = await project.gated(`alter policy one on public.secrets using (id < 3);
create index concurrently on public.secrets (word);
grant truncate on public.reports to authenticated;
alter type public.mood add value 'sad';
drop policy closed on public.reports;`);
    expect(guiltyLines(record)).toEqual([1, 3, 5]);
  });
});
