import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dayPattern } from "../../src/archive/id.ts";
import { sha256 } from "../../src/archive/verify.ts";
import { verifyArchive } from "../../src/archive/verify.ts";
import type { RunRecord } from "../../src/model/run.ts";
import { rowgate } from "../support/cli.ts";
import { makeProject, notesMatrix, notesSql, removeProject } from "./system.ts";

const named = (name: string, matrix = notesMatrix): string =>
  matrix.replace("matrix: notes", `matrix: ${name}`);
/** Every look of a persona takes a while: whoever comes after it in the order is done before it. */
const slowSql = `${notesSql}
create function public.slow() returns boolean language plpgsql as $$ begin perform pg_sleep(0.1); return true; end $$;
create policy slow on public.notes as restrictive to authenticated using (public.slow());
`;

let project: string;
beforeAll(async () => {
  project = await makeProject({
    "matrices/early.yaml": named("early"),
    "policies/early/010_notes.sql": slowSql,
    "matrices/papers.yaml": named("papers").replaceAll("notes:", "papers:"),
    "policies/papers/010_papers.sql": notesSql.replaceAll("notes", "papers"),
    "leaky/leaky.yaml": named("leaky"),
    "policies/leaky/010_notes.sql": `${notesSql}create policy open on public.notes for select to authenticated using (true);`,
  });
});
afterAll(async () => {
  await removeProject(project);
});

function archives(logs: string): readonly { readonly folder: string; readonly run: RunRecord }[] {
  const root = path.join(project, logs);
  return readdirSync(root)
    .filter((name) => dayPattern.test(name))
    .flatMap((day) => readdirSync(path.join(root, day)).map((id) => path.join(root, day, id)))
    .map((folder) => ({
      folder,
      run: JSON.parse(readFileSync(path.join(folder, "run.json"), "utf8")) as RunRecord,
    }));
}

/** The runs in the order in which each names the one before it. Fails where that is no chain. */
function chainOf(logs: string): readonly RunRecord[] {
  const all = archives(logs);
  const chain: RunRecord[] = [];
  for (let next = all.find(({ run }) => run.previous === undefined); next !== undefined;) {
    const { run, folder } = next;
    chain.push(run);
    const after = all.filter((one) => one.run.previous?.id === run.id);
    expect(after.length, `runs that name ${run.id}`).toBeLessThan(2);
    const digest = sha256(readFileSync(path.join(folder, "SHA256SUMS"), "utf8"));
    for (const one of after) expect(one.run.previous?.sha256).toBe(digest);
    next = after[0];
  }
  expect(chain).toHaveLength(all.length);
  return chain;
}

test("several systems: each report whole and in order, a line each, one over all, one chain", async () => {
  // A policy that sleeps is VOLATILE, and proved for no other row than those at hand.
  const result = await rowgate(["run", "--proof", "rows-at-hand", "--logs", "logs-pass"], { cwd: project });
  expect(result.code, result.err).toBe(0);
  const lines = result.out.split("\n");
  const headings = lines.filter((line) => line.startsWith("== "));
  expect(headings).toEqual([
    "== early (matrices/early.yaml) ==",
    "== notes (matrices/notes.yaml) ==",
    "== papers (matrices/papers.yaml) ==",
  ]);
  const [, ...reports] = result.out.split(/^== .*$/m);
  for (const [index, name] of ["early", "notes", "papers"].entries()) {
    const report = reports[index] ?? "";
    expect(report.match(/^archive /gm)).toHaveLength(1);
    expect(report.match(/^target {5}embedded: /gm)).toHaveLength(1);
    expect(report).toMatch(new RegExp(`^${name} on embedded {2}PASS`, "m"));
  }
  const summary = result.out
    .slice(result.out.lastIndexOf("\n\n"))
    .trim()
    .replaceAll(/\n {2}/g, " ");
  expect(summary.split("\n")).toEqual([
    expect.stringMatching(
      /^early on embedded {2}PASS {2}23 cells \(direct 23, rest 16\) in [\d.]+ s; escalation not searched \(--escalation off\); rest: builtin/,
    ),
    expect.stringMatching(/^notes on embedded {2}PASS {2}23 cells/),
    expect.stringMatching(/^papers on embedded {2}PASS {2}23 cells/),
    expect.stringMatching(
      /^3 systems on embedded {2}PASS {2}69 cells \(direct 69, rest 48\) in [\d.]+ s; escalation not searched \(--escalation off\); rest: builtin gateway, not PostgREST; \d+ notes$/,
    ),
  ]);
  // Side by side: the slow one began first, and was closed last.
  const chain = chainOf("logs-pass");
  expect(chain.map(({ matrix }) => matrix.name)).toEqual(["notes", "papers", "early"]);
  for (const { folder } of archives("logs-pass")) expect(await verifyArchive(folder)).toEqual([]);
  // The progress is that of all together.
  expect(result.err).toContain("100% 69/69 cells, 0 leaks");
});

test("two processes at the same time make one chain as well", async () => {
  const args = ["run", "matrices/notes.yaml", "matrices/papers.yaml", "--quiet", "--logs", "logs-two"];
  const results = await Promise.all([rowgate(args, { cwd: project }), rowgate(args, { cwd: project })]);
  expect(results.map(({ code }) => code)).toEqual([0, 0]);
  expect(chainOf("logs-two")).toHaveLength(4);
});

test("--quiet: a line a system, once", async () => {
  const result = await rowgate(["run", "matrices/notes.yaml", "matrices/papers.yaml", "--quiet"], {
    cwd: project,
  });
  expect(result.out.match(/ on embedded {2}PASS/g)).toHaveLength(3);
  expect(result.out).toMatch(/^notes on .*\n.*\npapers on .*\n.*\n2 systems on /);
  expect(result.err).toBe("");
});

test("a leak of one system fails the whole, and the others are proved all the same", async () => {
  const result = await rowgate(["run", "leaky/leaky.yaml", "matrices/papers.yaml", "--logs", "logs-leak"], {
    cwd: project,
  });
  expect(result.code).toBe(1);
  expect(result.out).toMatch(/^LEAK {2}public\.notes · select: ana /m);
  expect(result.out).toMatch(/^papers on embedded {2}PASS/m);
  expect(result.out).toMatch(/^2 systems on embedded {2}FAIL {2}1 leak; 46 cells/m);
});

test("a run that fails is told in its place; the others go on, and a leak still gives 1", async () => {
  const token = named("token")
    .replace("anon:    {", "anna:    { token: '${NOWHERE}',")
    .replace("anon: {", "anna: {");
  const folder = await makeProject({
    "matrices/leaky.yaml": named("leaky"),
    "policies/leaky/010_notes.sql": `${notesSql}create policy open on public.notes for select to authenticated using (true);`,
    "matrices/token.yaml": token,
    "policies/token/010_notes.sql": notesSql,
  });
  const both = await rowgate(["run", "matrices/notes.yaml", "matrices/token.yaml"], { cwd: folder });
  const all = await rowgate(["run", "--json"], { cwd: folder });
  await removeProject(folder);
  expect(both.code).toBe(2);
  expect(both.err).toMatch(/matrices\/token\.yaml:3:3: .*NOWHERE/);
  expect(both.out).toMatch(/^token {2}ERROR {2}.*NOWHERE/m);
  expect(both.out).toMatch(/^notes on embedded {2}PASS/m);
  expect(both.out).toMatch(/^2 systems on embedded {2}ERROR {2}1 system could not be proved; 23 cells/m);
  expect(all.code).toBe(1);
  const document = JSON.parse(all.out) as {
    exitCode: number;
    runs: { run?: RunRecord; matrix?: { name: string }; error?: { code: string } }[];
  };
  expect(document.exitCode).toBe(1);
  expect(document.runs.map(({ run, matrix }) => run?.matrix.name ?? matrix?.name)).toEqual([
    "leaky",
    "notes",
    "token",
  ]);
  expect(document.runs[2]?.error?.code).toBe("persona/token-missing");
});

test("a filter may leave a system out, and that is said; leaving all out is exit 2", async () => {
  const args = ["run", "matrices/notes.yaml", "matrices/papers.yaml"];
  const one = await rowgate([...args, "--only", "*/public.papers/select", "--logs", "logs-only"], {
    cwd: project,
  });
  expect(one.code).toBe(0);
  expect(one.out).toMatch(/^notes {2}not probed: none of its cells was asked for$/m);
  expect(one.out.replaceAll(/\n {2}/g, " ")).toMatch(
    /^1 system on embedded {2}PASS {2}3 cells .*filtered by --only \*\/public\.papers\/select; 1 system not asked for; escalation not searched \(--escalation off\); rest: builtin/m,
  );
  expect(archives("logs-only").map(({ run }) => run.matrix.name)).toEqual(["papers"]);
  const json = await rowgate([...args, "--only", "*/public.papers/select", "--json"], { cwd: project });
  expect(JSON.parse(json.out)).toMatchObject({
    runs: [{ matrix: { name: "notes" }, notAsked: true }, { run: { exitCode: 0 } }],
    exitCode: 0,
  });
  const none = await rowgate([...args, "--persona", "nobody", "--logs", "logs-none"], { cwd: project });
  expect(none.code).toBe(2);
  expect(none.err).toContain("No cell of the matrices notes, papers matches --persona nobody.");
  // Beside filters that do match: what it should have named would go unproved, and the run would pass.
  const slip = ["--persona", "ana", "--persona", "serivce", "--logs", "logs-none"];
  const some = await rowgate([...args, ...slip], { cwd: project });
  expect(some.code).toBe(2);
  expect(some.err).toMatch(/matches --persona serivce; did you mean `service`\?.\s+the personas are /);
  const relation = [
    "--only",
    "*/public.papers/select",
    "--only",
    "*/public.paper/select",
    "--logs",
    "logs-none",
  ];
  const other = await rowgate([...args, ...relation], { cwd: project });
  expect(other.code).toBe(2);
  expect(other.err).toContain("No cell of the matrices notes, papers matches --only */public.paper/select.");
});

describe("nothing is probed before everything fits, and nothing that is wrong hides anything else", () => {
  const broken = {
    "matrices/a.yaml": named("a").replace("  notes:\n    rows", "  noted:\n    rows"),
    "policies/a/010_notes.sql": notesSql,
    "matrices/b.yaml": named("b")
      .replace("mine: owner = :sub", "mine: ownr = :sub")
      .replace("as_me:    { owner", "as_me:    { ownre")
      .replace("role: service_role", "role: service_rol"),
    "policies/b/010_notes.sql": notesSql,
  };

  test("preflight of all matrices, sorted", async () => {
    const folder = await makeProject(broken);
    const result = await rowgate(["run"], { cwd: folder });
    const places = result.err.match(/^matrices\/\S+(?=: )/gm);
    expect(result.code).toBe(2);
    expect(places).toEqual([
      "matrices/a.yaml:7:3",
      "matrices/b.yaml:5:3",
      "matrices/b.yaml:9:13",
      "matrices/b.yaml:11:17",
    ]);
    for (const text of [
      "missing relation: public.noted",
      "did you mean public.notes?",
      "service_rol,",
      "ownr",
      "42703",
    ])
      expect(result.err).toContain(text);
    expect(result.err).toContain("missing column: public.notes has no column ownre");
    expect(result.err).toContain("4 mistakes; nothing was probed");
    expect(readdirSync(folder)).not.toContain("logs");
    await removeProject(folder);
  });

  test("files that are no matrices, all at once", async () => {
    const folder = await makeProject({
      "matrices/a.yaml": named("a").replace("select: mine", "select: mime"),
      "matrices/b.yaml": named("b").replace("ana: {", "anna: {"),
    });
    const result = await rowgate(["run", "matrices/a.yaml", "matrices/b.yaml", "nowhere.yaml"], {
      cwd: folder,
    });
    await removeProject(folder);
    expect(result.code).toBe(2);
    for (const text of ["a.yaml:15:", "mime", "b.yaml:15:", "anna", "nowhere.yaml", "no such file"])
      expect(result.err).toContain(text);
  });

  test("SQL that fails in two systems, and a third whose matrix does not fit", async () => {
    const folder = await makeProject({
      ...broken,
      "policies/b/010_notes.sql": "select 1;\nselect nothing_here;\n",
      "policies/notes/010_notes.sql": `${notesSql}\ninsert into public.gone default values;\n`,
    });
    const result = await rowgate(["run"], { cwd: folder });
    await removeProject(folder);
    expect(result.code).toBe(2);
    expect(result.err).toMatch(/policies\/b\/010_notes\.sql:2:8: .*statement 2 .*nothing_here/);
    expect(result.err).toMatch(/policies\/notes\/010_notes\.sql:9:13: .*statement 6 .*public\.gone/);
    expect(result.err).toContain("matrices/a.yaml:7:3: missing relation");
  });

  test("a system that changes a role of the server cannot stand beside others", async () => {
    const folder = await makeProject({
      "matrices/other.yaml": named("other"),
      "policies/other/010_notes.sql": `${notesSql}\ncreate role reader; grant reader to authenticated;\nalter role authenticated set app.x = '1';\n`,
    });
    const beside = await rowgate(["run"], { cwd: folder });
    const alone = await rowgate(["run", "matrices/other.yaml"], { cwd: folder });
    await removeProject(folder);
    expect(beside.code).toBe(2);
    expect(beside.err).toContain("The SQL of other changes authenticated");
    expect(beside.err).toContain("rowgate run matrices/other.yaml");
    expect(alone.code, alone.err).toBe(0);
  });

  test("one that creates roles of its own can", async () => {
    const folder = await makeProject({
      "matrices/other.yaml": named("other"),
      "policies/other/010_notes.sql": `${notesSql}\ncreate role reader; grant reader to authenticated;\n`,
    });
    const beside = await rowgate(["run", "--quiet"], { cwd: folder });
    await removeProject(folder);
    expect(beside.code, beside.err).toBe(0);
  });
});
