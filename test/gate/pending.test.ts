import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isInHistory, numberOf, pendingOf, readHistoryOption } from "../../src/commands/gate-pending.ts";
import { readPending } from "../../src/gate/migrations.ts";
import { newSince } from "../../src/commands/gate-base.ts";
import { makeProject, notesMatrix, notesSql, removeProject } from "../cli/system.ts";

const cli = path.resolve("dist/cli.js");
const opens = "create policy all_of_them on public.notes for select to authenticated using (true);\n";
const applied = `create schema tool;
create table tool.applied (version text primary key);
insert into tool.applied values ('20260101'), ('20260102_second');
`;

let project: string;
beforeAll(async () => {
  project = await makeProject({ "policies/notes/020_tool.sql": applied });
});
afterAll(() => removeProject(project));

async function write(name: string, text: string): Promise<void> {
  await mkdir(path.dirname(path.join(project, name)), { recursive: true });
  await writeFile(path.join(project, name), text);
}

async function git(...args: readonly string[]): Promise<void> {
  const own = ["-c", "user.name=test", "-c", "user.email=test@example.test", "-c", "commit.gpgsign=false"];
  await promisify(execFile)("git", [...own, ...args], { cwd: project });
}

async function gate(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  const all = [cli, "gate", "--no-require-complete", ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, all, { cwd: project }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), text: `${out}${err}` });
    });
  });
}

test("a migration that is among the system's SQL is not applied before it is compared", async () => {
  await write("policies/notes/030_open.sql", opens);
  const { code, text } = await gate("policies/notes/030_open.sql");
  expect([code, text]).toEqual([
    1,
    expect.stringContaining("by policies/notes/030_open.sql:1  create policy all_of_them"),
  ]);
});

test("--base: what is new since a commit is pending, and the matrix is compared with that commit's", async () => {
  await git("init", "--quiet", "--initial-branch", "main");
  await git("add", "matrices", "policies/notes/010_notes.sql", "policies/notes/020_tool.sql");
  await git("commit", "--quiet", "-m", "before");
  const undeclared = await gate("--base", "main");
  expect([undeclared.code, undeclared.text]).toEqual([
    1,
    expect.stringContaining("not declared: see matrices/notes.yaml"),
  ]);
  // The persona that could tell is left out: it is asked about all the same.
  await write(
    "matrices/notes.yaml",
    notesMatrix
      .replace("ana: { select: mine", "ana: { select: allow")
      .replace(/^ {2}service:.*\n/m, "")
      .replace(/^ {6}service:.*\n/m, ""),
  );
  await write("policies/notes/030_open.sql", `${opens}grant truncate on public.notes to service_role;\n`);
  const changed = await gate("--base", "main");
  expect(changed.code).toBe(1);
  expect(changed.text).toMatch(
    /▲ select on public\.notes {2}1 of 2 rows → 2 of 2 rows {2}declared at matrices\/notes\.yaml:\d+, changed in the matrix too/,
  );
  expect(changed.text).toMatch(/▲ truncate on public\.notes .*\n {4}service/);
});

test("--history: what a tool's table names is applied already; where nothing is left, nothing is compared", async () => {
  await write("matrices/notes.yaml", notesMatrix);
  await write("migrations/20260101_first.sql", "select not_there();\n");
  await write("migrations/20260102_second.sql", "select not_there();\n");
  await write("migrations/20260103_third.sql", opens);
  const given = [
    "migrations",
    "--policies",
    "before",
    "--matrix",
    "matrices/notes.yaml",
    "--history",
    "tool.applied:version",
  ];
  await write("before/010_notes.sql", notesSql);
  await write("before/020_tool.sql", applied);
  const some = await gate(...given);
  expect([some.code, some.text]).toEqual([1, expect.stringContaining("by migrations/20260103_third.sql:1")]);
  await write("before/020_tool.sql", `${applied}insert into tool.applied values ('20260103');\n`);
  const none = await gate(...given);
  expect([none.code, none.text]).toEqual([
    0,
    expect.stringContaining("no migration is pending (3 are applied already)"),
  ]);
});

const drafts = `create table public.drafts (id int primary key, owner uuid not null, label text);
alter table public.drafts enable row level security;
grant select on public.drafts to authenticated;
`;
const seeded = `-- rows for tests
insert into public.notes (owner, body) values ('10000000-0000-4000-8000-000000000002', 'c');
insert into public.drafts values
  (1, '10000000-0000-4000-8000-000000000001', 'x'), (2, '10000000-0000-4000-8000-000000000002', 'y');
insert into public.later values (1);
insert into public.notes_of values (7);
`;
const draftsMatrix = `${notesMatrix.replace("matrix: notes", "matrix: notes\nseed: ../seed.sql")}  drafts:
    rows: { mine: owner = :sub }
    expect: { anon: deny, ana: { select: mine, '*': deny }, service: deny }
`;

test("a seed with rows for a table that the migrations create: they are there as soon as the table is", async () => {
  const keyed = `create table public.kinds (id int primary key); create table public.notes_of (kind int references public.kinds);`;
  await write("before/010_notes.sql", `${notesSql}${keyed}`);
  await write("seed.sql", seeded);
  await write("matrices/notes.yaml", draftsMatrix);
  const own = `${drafts}create policy own on public.drafts to authenticated using (owner = auth.uid());\n`;
  await write("add/1_drafts.sql", own);
  const sound = await gate("add/1_drafts.sql", "--policies", "before");
  expect([sound.code, sound.text]).toEqual([
    0,
    expect.stringMatching(/▲ select on public\.drafts {2}nothing → 1 of 2 rows {2}declared at/),
  ]);
  expect(sound.text.replaceAll(/\s+/g, " ")).toContain(
    "NOTE seed.sql: the rows of lines 3, 5, 6 name what is not there before the migrations; they are put in as soon as it is there",
  );
  await write("add/1_drafts.sql", `${drafts}create policy own on public.drafts using (true);\n`);
  const open = await gate("add/1_drafts.sql", "--policies", "before");
  expect([open.code, open.text]).toEqual([
    1,
    expect.stringMatching(
      /▲ select on public\.drafts {2}nothing → 2 of 2 rows {2}not declared.*\n.*\n.*\n {4}by add\/1_drafts\.sql:4/,
    ),
  ]);
});

test.each([
  ["20260101_first.sql", true],
  ["20260102_second.sql", true],
  ["20260102_other.sql", false],
  ["007_x.sql", true],
  ["20260105_prisma/migration.sql", true],
])("%s is in the history: %s", (file, expected) => {
  const history = new Set(["20260101", "20260102_second", "7", "20260105_prisma"]);
  expect(isInHistory(history)(`/somewhere/${file}`)).toBe(expected);
});

test("--history with a column that is not there is refused with the table", async () => {
  await write("next/1_next.sql", "select 1;");
  const { code, text } = await gate("next", "--history", "public.notes:nope");
  expect([code, text]).toEqual([
    2,
    expect.stringMatching(
      /cannot be read from public\.notes of notes_1: column "nope" does not exist\n.*--history <schema>/,
    ),
  ]);
});

test.each([
  ["select 1;\nalter tabel x;", 2, 7, /syntax error at or near "tabel"/],
  ["select 1;\n\\connect other\n", 2, 1, /this is a command of psql/],
])(
  "a file that Postgres's parser does not read is refused with the place: %j",
  async (text, line, column, message) => {
    await write("unread.sql", text);
    const file = path.join(project, "unread.sql");
    await expect(readPending([file], "login", project)).rejects.toMatchObject({
      message: expect.stringMatching(message) as string,
      at: { file: "unread.sql", line, column },
    });
  },
);

test("a file that is named itself and is applied already is refused", () => {
  expect(() => pendingOf([{ file: "/m/001_a.sql", byFolder: false }], () => true)).toThrow(/applied already/);
  expect(numberOf("/m/0010_a.sql")).toBe(10n);
  expect(() => readHistoryOption("versions")).toThrow(/<schema>\.<table>:<column>/);
});

function source(file: string, sha256: string): { path: string; text: string; sha256: string } {
  return { path: file, text: "", sha256 };
}

test.each([
  ["changed", "010_a.sql", "y", /010_a\.sql was changed since main/],
  ["deleted", "011_b.sql", "x", /010_a\.sql was deleted since main/],
])("a migration that was %s since the base is refused", (_, name, sha256, message) => {
  const compared = {
    before: [source("/base/010_a.sql", "x"), source("/base/seed.sql", "x")],
    now: [source(`/now/${name}`, sha256), source("/now/seed.sql", "other")],
    at: (file: string) => file.replace("/now", "/base"),
    base: "main",
  };
  expect(() => newSince(compared)).toThrow(message);
});
