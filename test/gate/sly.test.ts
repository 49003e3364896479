import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gateExitCode } from "../../src/model/gate.ts";
import { powerText, sideWriteText } from "../../src/report/gate.ts";
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
create table public.plans (id int primary key, team int not null);
alter table public.plans enable row level security, force row level security;
grant select on public.plans to authenticated;
create policy team on public.plans for select to authenticated using (team = internal.team() or current_setting('app.editor', true) = 'on');
insert into public.plans values (1, 1), (2, 2);
create function internal.stamp() returns trigger language plpgsql as $$ begin new.body := trim(new.body); return new; end $$;
create trigger stamp before insert or update on public.posts for each row execute function internal.stamp();
create function internal.log_report(n int) returns void language sql security definer set search_path = '' as 'insert into internal.ledger values (n)';
create function public.file_report(n int) returns int language plpgsql security definer set search_path = '' as $$ begin perform internal.log_report(n); return n; end $$;
revoke execute on function internal.log_report(int), public.file_report(int) from public;
grant execute on function public.file_report(int) to authenticated;
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
  hidden: { expect: { anon: deny, ana: deny, bea: deny } }
  members: { expect: { anon: deny, ana: deny, bea: deny } }
  plans:
    rows: { first: id = 1, second: id = 2 }
    expect: { anon: deny, ana: { select: first, '*': deny }, bea: { select: second, '*': deny } }
  reports:
    rows: { second: id = 2 }
    expect: { anon: deny, ana: { select: second, '*': deny }, bea: deny }
functions:
  file_report: { calls: { one: { n: 7 } }, expect: { anon: deny, ana: allow, bea: allow } }
`;

let project: GateProject;
beforeAll(async () => {
  project = await openGateProject(matrix, sql);
});
afterAll(async () => {
  await project?.[Symbol.asyncDispose]();
});

/** Migrations that open something, by statements of their own. */
const sly: Readonly<Record<string, readonly [sql: string]>> = {
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
  "another role for requests without a token": [
    "alter role authenticator set pgrst.db_anon_role = 'authenticated';",
  ],
  "an owner without FORCE": [
    "alter table public.members owner to authenticated;\nalter table public.members no force row level security;",
  ],
  "rows that go with others": [
    "alter table public.hidden add constraint with_post foreign key (id) references public.posts on delete cascade not valid;",
  ],
  "a gateway's schemas, by a setting of its login": [
    "alter role authenticator set pgrst.db_schemas = 'public, internal';\ngrant select on internal.ledger to anon;\ngrant usage on schema internal to anon;",
  ],
};

test.each(Object.entries(sly))("is stopped: %s", async (_, [statements]) => {
  const record = await project.gated(
    `comment on schema public is 'x';\n${statements}\ncomment on schema public is 'y';`,
  );
  expect(gateExitCode({ ...record, findings: record.findings.filter(({ before }) => before !== true) })).toBe(
    1,
  );
  const lines = guiltyLines(record);
  expect(lines.every((line) => line > 1 && line < 2 + statements.split("\n").length)).toBe(true);
});

/** What several statements open, and no row at hand shows; each of its own. */
const unseen: Readonly<Record<string, readonly (readonly [sql: string, shows: RegExp])[]>> = {
  "what other code writes": [
    [
      "create function internal.copy() returns trigger language plpgsql security definer set search_path = '' as $$ begin insert into public.wall values (new.id, new.body); return new; end $$; create trigger copy after insert on public.posts for each row execute function internal.copy();",
      /^trigger copy on public\.posts .* writes public\.wall:.* waive internal\.copy\(\) in the matrix/,
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
      "create rule also as on insert to public.posts do also insert into public.wall values (new.id, new.body);",
      /^rule also on public\.posts .* writes public\.wall/,
    ],
    [
      "create or replace function internal.log_report(n int) returns void language sql security definer set search_path = '' as $$ update public.people set role = 'admin' $$;",
      /^function public\.file_report\(n integer\) .* writes public\.people/,
    ],
    [
      "alter table public.posts alter column owner set default '10000000-0000-4000-8000-000000000001';",
      /^default of public\.posts\.owner .* writes the column owner of the row/,
    ],
  ],
  "what roles could hand on, change or become": [
    [
      "grant select on public.wall to authenticated with grant option;",
      /authenticated may grant SELECT on public\.wall to others/,
    ],
    ["grant trigger on public.wall to anon;", /anon has trigger on public\.wall/],
    ["alter function internal.is_ana() owner to authenticated;", /authenticated owns internal\.is_ana\(\)/],
    [
      "grant create on schema internal to authenticated;",
      /authenticated may create objects in schema internal/,
    ],
    ["create role empty nologin; grant empty to anon;", /anon is a member of empty/],
    ["alter role anon createrole;", /anon may create roles/],
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

/** Migrations that change no access. */
const harmless: Readonly<Record<string, string>> = {
  "a column is renamed": "alter table public.reports rename column body to text;",
  "a policy is renamed": "alter policy ana on public.reports rename to ana_reads;",
  "an index": "create index on public.secrets (owner);",
  "an index that cannot be made in a transaction": "create index concurrently on public.secrets (word);",
  "a comment": "comment on table public.secrets is 'never shown';",
  "a constraint": "alter table public.people add constraint short check (length(role) < 100);",
  "a policy says the same by a helper": `create function internal.is_mine(owner uuid) returns boolean language sql stable as 'select owner = auth.uid()';
    alter policy own on public.people using (internal.is_mine(owner)) with check (internal.is_mine(owner));`,
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
  "an own transaction that is rolled back": "begin;\ngrant select on public.secrets to anon;\nrollback;",
};

test.each(Object.entries(harmless))("0 gained, 0 lost: %s", async (_, statements) => {
  const record = await project.gated(statements);
  expect(shown(record)).toEqual([]);
  const { broken, unknown, sideWrites, powers } = record;
  const findings = record.findings.filter(({ before }) => before !== true);
  expect({ broken, unknown, sideWrites, powers, findings }).toEqual({
    broken: [],
    unknown: [],
    sideWrites: [],
    powers: [],
    findings: [],
  });
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
