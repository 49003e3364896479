import { writeFile } from "node:fs/promises";
import path from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readCatalog } from "../../src/catalog/catalog.ts";
import type { RelationInfo } from "../../src/model/catalog.ts";
import { loadParser } from "../../src/lib/sql-tree.ts";
import type { MutationRecord } from "../../src/model/mutation.ts";
import { functionMutants, memberMutants, readFunctions } from "../../src/mutate/functions.ts";
import { readFacts } from "../../src/mutate/facts.ts";
import { mutantsOf } from "../../src/mutate/operators.ts";
import { defaultMutants } from "../../src/mutate/unseen.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { rowgate } from "../support/cli.ts";
import { databaseOf } from "../support/prove.ts";
import { makeProject, notesMatrix, notesSql, removeProject } from "../cli/system.ts";

/** Does not say why anon is denied, and tries no candidate of another owner. */
const weakMatrix = notesMatrix
  .replace("anon: { '*': { deny: grant } }", "anon: deny")
  .replace(/ +as_other: .*\n/, "");

/** A relation that no matrix names. */
const leftOut = (using: string): string => `
  create table public.left_out (id int primary key);
  alter table public.left_out enable row level security;
  grant select on public.left_out to authenticated;
  create policy one on public.left_out for select to authenticated using (${using});`;

/** Beside each policy that decides nothing, one that does. */
const newsSql = `
  create role staff nologin;
  create table public.news (id int primary key, body text);
  alter table public.news enable row level security;
  grant select on public.news to authenticated, service_role, staff;
  create policy everyone on public.news for select to authenticated using (id > 0);
  create policy second on public.news for select to authenticated using (id > 0 and id = 2);
  create policy staff_reads on public.news for select to staff using (id = 1);
  insert into public.news values (1, 'a'), (2, 'b'), (0, 'hidden');`;

const withNews = `${notesMatrix.replace("matrix: notes", "matrix: two")}  news:
    rows: { shown: id > 0 }
    expect: { anon: { '*': { deny: grant } }, ana: { select: shown }, service: { select: allow } }
`;

let project: string;
beforeAll(async () => {
  project = await makeProject({
    "weak/weak.yaml": weakMatrix,
    "more.sql": leftOut("id = 1"),
    "other.sql": leftOut("id <> 1"),
    "two/two.yaml": withNews,
    "news.sql": newsSql,
  });
});
afterAll(async () => {
  await removeProject(project);
});

async function mutated(...args: readonly string[]): Promise<{ code: number | null; record: MutationRecord }> {
  const { code, out, err } = await rowgate(["mutate", "--json", ...args], { cwd: project });
  expect(err).toBe("");
  return { code, record: JSON.parse(out) as MutationRecord };
}

test("a matrix that says everything notices every change that a cell can see; exit 0 above --min-score", async () => {
  const { code, record } = await mutated("--operators", "full", "--min-score", "90");
  expect(
    record.mutants.filter(({ state }) => state !== "killed").map(({ operator, state }) => [operator, state]),
  ).toEqual([
    ["to-public", "ignored"],
    ["null-opens", "ignored"],
    ["null-opens", "ignored"],
    ["null-equals", "ignored"],
    ["null-equals", "ignored"],
    // Tables that do not exist yet, and each persona's role.
    ["grant", "no coverage"],
    ["grant", "no coverage"],
    ["grant", "no coverage"],
  ]);
  expect(code).toBe(0);
});

const ofNotes = ({ mutants }: MutationRecord): MutationRecord["mutants"] =>
  mutants.filter(({ relation }) => relation === "public.notes");

describe("a matrix that leaves things out", () => {
  const args = ["weak/weak.yaml", "--policies", "policies/notes", "--overlay"];
  let first: { readonly code: number | null; readonly record: MutationRecord };
  beforeAll(async () => {
    first = await mutated(...args, "more.sql", "--min-score", "95");
  });
  test("what survived is named, relations that it does not name are not covered; exit 1 below --min-score", () => {
    const { code, record } = first;
    const of = (state: string): readonly string[] =>
      record.mutants
        .filter((one) => one.state === state)
        .map(({ relation, operator, to }) => `${relation} ${operator} ${to}`);
    expect(of("survived")).toContain("public.notes grant anon has SELECT");
    expect(of("no coverage")).toContain("public.left_out using-true USING (true)");
    const added = record.mutants.find(({ state }) => state === "no coverage")?.add;
    expect(added).toContain("relations:\n  left_out:\n    expect:\n");
    expect(of("killed").some((one) => one.startsWith("public.left_out"))).toBe(false);
    expect(code).toBe(1);
  });

  test("a result is reused where nothing that it rests on has changed: those of other relations", async () => {
    expect(first.record.reused).toBe(0);
    const { record } = await mutated(...args, "other.sql");
    expect(ofNotes(record)).toEqual(ofNotes(first.record));
    expect(record.reused).toBeGreaterThanOrEqual(ofNotes(record).length);
    expect(record.reused).toBeLessThan(record.mutants.length);
  });

  test("what is on a terminal: the score, what survived, and the cells that did not notice; every result is reused", async () => {
    const { code, out } = await rowgate(["mutate", ...args, "more.sql"], { cwd: project });
    expect(out).toMatch(/relation +score +killed +survived/);
    expect(out).toContain(
      "survived  public.notes, grants to anon (grant)\n  - anon has no SELECT\n  + anon has SELECT\n",
    );
    expect(out).toContain(
      "add to the matrix:\n    relations:\n      notes:\n        expect:\n          anon:\n            select:\n              deny: grant\n",
    );
    expect(out).toContain("passed with the change as without it: anon/public.notes/select");
    expect(out).toMatch(/mutation score \d+\.\d %: \d+ of \d+ changes noticed/);
    const { length } = first.record.mutants;
    expect(out).toContain(`${length} of ${length} results reused`);
    expect(code).toBe(0);
  });
});

describe("two relations, of which one has policies that decide nothing", () => {
  const args = ["two/two.yaml", "--policies", "policies/notes", "--overlay", "news.sql"];
  let first: MutationRecord;
  beforeAll(async () => {
    first = (await mutated(...args)).record;
  });
  const ignored = (subject: string, because: string): readonly string[] =>
    first.mutants
      .filter((one) => one.state === "ignored" && one.subject === subject && one.because === because)
      .map(({ operator, to }) => `${operator} ${to}`);

  test("what changes a policy TO a role that no persona has is left out, but for one that makes it TO public", () => {
    const because = "no persona's role is among staff, or policies do not apply to it";
    expect(ignored("policy staff_reads", because)).toEqual([
      "using-true USING (true)",
      "using-false USING (false)",
      "negate-comparison USING (id <> 1)",
      "command-all FOR ALL",
      "drop-policy no policy",
    ]);
  });

  test("what keeps a policy within another is left out, and what leads out of it is noticed", () => {
    const because = "whatever the rows are, no persona's role gets or loses one by it";
    expect(ignored("policy second", because)).toEqual([
      "using-false USING (false)",
      "drop-operand USING (id > 0)",
      "negate-comparison USING (id > 0 AND id <> 2)",
      "command-all FOR ALL",
      "to-public TO public",
      "drop-policy no policy",
    ]);
    const wider = first.mutants.find(
      ({ subject, operator }) => subject === "policy second" && operator === "using-true",
    );
    expect(wider).toMatchObject({ state: "killed", killedBy: { verdict: "leak" } });
  });

  test("a line of the matrix asks anew only what it is about, and what comes of it is what a run from nothing says", async () => {
    await writeFile(path.join(project, "two/two.yaml"), withNews.replace(" delete: mine,", ""));
    const { record } = await mutated(...args);
    const anew = await mutated(...args, "--anew");
    expect(record.mutants).toEqual(anew.record.mutants);
    expect(record.mutants).not.toEqual(first.mutants);
    expect([record.reused, anew.record.reused]).toEqual([
      record.mutants.filter(({ relation }) => relation === "public.news").length,
      0,
    ]);
  });
});

describe("what the plan says of a change is what the catalogue says once it is made", () => {
  let server: EmbeddedServer;
  let client: Client;
  const roles = ["anon", "authenticated", "service_role"];
  beforeAll(async () => {
    await loadParser();
    server = await startEmbedded();
    const database = await databaseOf(
      server,
      `${notesSql}
       create view public.seen with (security_invoker) as select * from public.notes;
       grant select on public.seen to public;
       create table public.parts (id int primary key, hidden text, owner uuid);
       grant select (id), update (hidden) on public.parts to anon, authenticated;
       grant select (hidden) on public.parts to public;
       grant update (hidden), update on public.parts to service_role;
       grant select (owner) on public.notes to anon;
       create view public.shown with (security_barrier) as select id from public.notes where id > 1;
       create view public.whole with (security_barrier = on) as select id, body from public.notes n;
       grant select on public.shown, public.whole to anon;
       create schema closed;
       create table closed.kept (id int);
       create schema opened;
       create table opened.kept (id int);
       grant usage on schema opened to anon, authenticated;
       alter default privileges in schema opened grant select on tables to authenticated;
       create policy kept on public.notes as restrictive for insert to service_role with check (body <> 'x');`,
    );
    client = new Client({ ...server.database, database, ssl: false });
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  test("relation by relation, change by change; and nothing of it stays", async () => {
    const before = await readCatalog(client, ["public"], roles);
    const known = before.roles.filter(({ name }) => roles.includes(name));
    const facts = await readFacts(client, ["public"], roles);
    const mutants = before.relations.flatMap((relation) => mutantsOf(relation, known, "full", facts));
    expect(mutants.length).toBeGreaterThan(40);
    const columns = mutants.filter(({ from, operator }) => operator === "revoke" && from.includes("("));
    const shown = columns.map(
      ({ relation, from, equivalent }) =>
        `${relation}: ${from}${equivalent === undefined ? "" : ", and by another grant"}`,
    );
    expect(shown.toSorted()).toEqual([
      "public.notes: anon has SELECT (owner)",
      "public.parts: anon has SELECT (id)",
      "public.parts: anon has UPDATE (hidden)",
      "public.parts: authenticated has SELECT (id)",
      "public.parts: authenticated has UPDATE (hidden)",
      "public.parts: public has SELECT (hidden)",
      "public.parts: service_role has UPDATE (hidden), and by another grant",
    ]);
    const barriers = mutants.filter(({ operator }) => operator === "barrier-off");
    expect(barriers.map(({ relation, equivalent }) => [relation, equivalent !== undefined])).toEqual([
      ["public.shown", false],
      ["public.whole", true],
    ]);
    for (const { ddl, after, operator } of mutants) {
      await client.query(["begin", ...ddl].join(";"));
      const now = await readCatalog(client, ["public"], roles);
      await client.query("rollback");
      const found = now.relations.find(({ oid }) => oid === after.oid);
      expect({ operator, ddl, ...(found && decides(found)) }).toEqual({ operator, ddl, ...decides(after) });
    }
    expect(await readCatalog(client, ["public"], roles)).toEqual(before);
  });

  test("functions that policies call, and memberships: each change is one that Postgres makes, and it does what it says", async () => {
    await client.query(`
      create schema own;
      create function own."is Mine"("who" uuid, more text default 'x') returns boolean language sql stable
        security definer set search_path = '' as 'select who = auth.uid()';
      revoke execute on function own."is Mine" from public;
      grant execute on function own."is Mine" to authenticated;
      create function own.name() returns text language plpgsql as 'begin return 1; end';
      create function own.many() returns setof int language sql as 'select 1';
      create policy helped on public.notes for select to anon
        using (own."is Mine"(owner) and own.name() = 'x' and id in (select own.many()));`);
    const { roles: known, relations, serverVersionNum } = await readCatalog(client, ["public"], roles);
    const personas = known.filter(({ name }) => roles.includes(name));
    const mutants = [
      ...functionMutants(await readFunctions(client, []), personas),
      ...memberMutants(personas, { relations, serverVersionNum }),
    ];
    const made = mutants.map(({ operator, relation, to }) => `${operator} ${relation} ${to}`);
    expect(made.filter((one) => one.includes("is Mine"))).toEqual([
      "helper-true own.is Mine(who uuid, more text) select true",
      "helper-null own.is Mine(who uuid, more text) select null::boolean",
      "definer-invoker own.is Mine(who uuid, more text) SECURITY INVOKER",
      "search-path-unpinned own.is Mine(who uuid, more text) the caller's search_path",
      "grant own.is Mine(who uuid, more text) anon has EXECUTE",
      "grant own.is Mine(who uuid, more text) service_role has EXECUTE",
      "revoke own.is Mine(who uuid, more text) authenticated has no EXECUTE",
    ]);
    expect(made.filter((one) => one.includes("own.many"))).toEqual([
      "invoker-definer own.many() SECURITY DEFINER",
      "revoke own.many() public has no EXECUTE",
    ]);
    expect(made.filter((one) => one.startsWith("member"))).toEqual([
      "member role anon member of authenticated",
      "member role anon member of service_role",
      "member role authenticated member of anon",
      "member role authenticated member of service_role",
      "member role service_role member of anon",
      "member role service_role member of authenticated",
    ]);
    const under = async (start: string, question: string): Promise<unknown> => {
      const mutant = mutants[made.findIndex((one) => one.startsWith(start))];
      await client.query(["begin", ...(mutant?.ddl ?? [])].join(";"));
      const { rows } = await client.query<{ said: unknown }>(`select ${question} as said`);
      await client.query("rollback");
      return rows[0]?.said;
    };
    for (const one of made) expect(await under(one, "1")).toBe(1);
    const mine = `own."is Mine"('10000000-0000-4000-8000-000000000001')`;
    expect(await under("helper-true own.is Mine", mine)).toBe(true);
    expect(await under("helper-null own.is Mine", `${mine} is null`)).toBe(true);
    expect(await under("helper-null own.name", "own.name() is null")).toBe(true);
    const has = "pg_has_role('anon', 'authenticated', 'usage')";
    expect(await under("member role anon member of authenticated", has)).toBe(true);
    expect(await under("member role anon member of service_role", has)).toBe(false);
  });

  test("default privileges: a table that is made with the change is open to one role more, or to one less", async () => {
    const { defaults } = await readFacts(client, ["opened", "closed"], ["anon", "authenticated"]);
    const mutants = defaultMutants(defaults);
    expect(mutants.map(({ relation, to, equivalent }) => [relation, to, equivalent !== undefined])).toEqual([
      ["schema closed", "anon has SELECT on tables to come", true],
      ["schema closed", "authenticated has SELECT on tables to come", true],
      ["schema opened", "anon has SELECT on tables to come", false],
      ["schema opened", "authenticated has no SELECT on tables to come", false],
    ]);
    const holds = async (ddl: readonly string[], schema: string, role: string): Promise<unknown> => {
      await client.query(["begin", ...ddl, `create table ${schema}.new (id int)`].join(";"));
      const { rows } = await client.query(
        `select has_table_privilege('${role}', '${schema}.new', 'select') as held`,
      );
      await client.query("rollback");
      return (rows[0] as { held: unknown }).held;
    };
    for (const {
      ddl,
      operator,
      roles: [role = ""],
      after,
    } of mutants) {
      expect(await holds([], after.schema, role)).toBe(operator === "revoke");
      expect(await holds(ddl, after.schema, role)).toBe(operator === "grant");
    }
  });

  test("a plan that is kept does not notice a new membership: for these no plan may be kept", async () => {
    await client.query(`
      begin;
      create table public.joined (id int);
      insert into public.joined values (1);
      alter table public.joined enable row level security;
      grant select on public.joined to anon;
      create policy theirs on public.joined for select to authenticated using (true);
      set local plan_cache_mode = force_generic_plan;
      set local role anon;
      prepare kept as select count(*)::int as seen from public.joined`);
    const seen = async (sql: string): Promise<unknown> =>
      (await client.query<{ seen: number }>(sql)).rows[0]?.seen;
    expect(await seen("execute kept")).toBe(0);
    await client.query("reset role; grant authenticated to anon; set local role anon");
    expect(await seen("execute kept")).toBe(0);
    expect(await seen("select count(*)::int as seen from public.joined")).toBe(1);
    await client.query("deallocate kept; rollback");
    const { roles: known, relations, serverVersionNum } = await readCatalog(client, ["public"], roles);
    const members = memberMutants(known, { relations, serverVersionNum });
    expect(members.length).toBeGreaterThan(0);
    expect(members.every(({ everywhere }) => everywhere)).toBe(true);
  });
});

/** What decides who may do what; expressions may be printed otherwise. */
const decides = ({ rls, forceRls, securityInvoker, privileges, policies }: RelationInfo) => ({
  rls,
  forceRls,
  securityInvoker,
  privileges,
  policies: policies
    .map(({ using, check, ...rest }) => ({ ...rest, using: using === null, check: check === null }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
});
