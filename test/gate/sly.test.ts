import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gateExitCode } from "../../src/model/gate.ts";
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
  reports:
    rows: { second: id = 2 }
    expect: { anon: deny, ana: { select: second, '*': deny }, bea: deny }
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
  "an own transaction that is rolled back": "begin;\ngrant select on public.secrets to anon;\nrollback;",
};

test.each(Object.entries(harmless))("0 gained, 0 lost: %s", async (_, statements) => {
  const record = await project.gated(statements);
  expect(shown(record)).toEqual([]);
  expect([record.broken, record.unknown, record.findings.filter(({ before }) => before !== true)]).toEqual([
    [],
    [],
    [],
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
