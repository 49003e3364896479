import { stripVTControlCharacters } from "node:util";

import { describe, expect, it } from "vitest";

import type { CellRecord, RunRecord } from "../../../src/model/run.ts";
import type { ReportOptions } from "../../../src/report/archived-run.ts";
import { columns } from "../../../src/report/text.ts";
import type { Recorded } from "../../fixtures/runs/build.ts";
import { allow, cell, channel, reach, record } from "../../fixtures/runs/build.ts";
import { diverged, error, failures, leak } from "../../fixtures/runs/failures.ts";
import * as others from "../../fixtures/runs/others.ts";
import { render as rendered } from "./render.ts";

interface Case extends Recorded {
  readonly options?: Partial<ReportOptions>;
}

const cases: Readonly<Record<string, Case>> = {
  failures,
  passing: others.passing,
  staging: others.staging,
  containers: others.containers,
  nothing: others.nothing,
  findings: others.findings,
  wide: others.wide,
  large: others.large,
  crowd: others.crowd,
  hostile: others.hostile,
  columns: others.columnCells,
  functions: others.functionCells,
};
const named = Object.entries(cases).map(([name, of]) => ({ name, of }));

function render(of: Case, options: Partial<ReportOptions> = {}): Promise<string> {
  return rendered("terminal", of, { ...of.options, ...options });
}

/** The last paragraph, on one line. */
function lastLine(text: string): string {
  return (text.trimEnd().split("\n\n").at(-1) ?? "").replaceAll(/\s+/g, " ");
}

/** The blocks that begin with a verdict, by their first lines. */
function headers(text: string): readonly string[] {
  return text.split("\n").filter((line) => /^[A-Z]+ {2}\S/.test(line));
}

function keyed(key: string): ReturnType<typeof channel> {
  const observation = reach({ unexpected: 1, unexpectedKeys: [key] });
  return channel("leak", { effect: "allowed", deniedBy: "filter", observation });
}

function becauseOf(policy: string): CellRecord["cause"] {
  return {
    kind: "policies",
    relation: "public.courses",
    rows: 3,
    policies: [{ name: policy, command: "select", rows: 3, origin: "policies/030.sql:4" }],
    restrictive: 0,
  };
}

describe("the terminal report", () => {
  const widths = [60, 80, 132, 200].flatMap((width) => [false, true].map((verbose) => ({ width, verbose })));
  it.each(named.flatMap((one) => widths.map((how) => ({ ...one, ...how }))))(
    "$name at $width columns, verbose $verbose: no line is wider",
    async ({ of, width, verbose }) => {
      const over = (await render(of, { width, verbose, running: true }))
        .split("\n")
        .filter((line) => columns(line) > Math.min(width, 120));
      // One quoted word of a shell's cannot be broken; at 80 columns there is room even for that.
      const whole = over.filter((line) => /^ {6}"Authorization: [^"]*" \\$/.test(line));
      expect(over).toEqual(width < 80 ? whole : []);
    },
  );

  it.each(named)("$name: colour adds nothing but colour", async ({ of }) => {
    const plain = await render(of);
    const coloured = await render(of, { colour: true });
    expect(coloured).not.toBe(plain);
    expect(stripVTControlCharacters(coloured)).toBe(plain);
  });

  it.each(named)("$name: nothing in it could move a cursor or reorder letters", async ({ of }) => {
    const all = `${await render(of)}${await render(of, { verbose: true })}`;
    expect(all.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  });

  it("lists leaks, then divergences, lockouts, errors, vacuous and inconclusive cells, in the matrix's order", async () => {
    expect(headers(await render(failures)).map((line) => line.split("  ")[0])).toEqual([
      "LEAK",
      "LEAK",
      "DIVERGED",
      "LOCKOUT",
      "ERROR",
      "VACUOUS",
      "INCONCLUSIVE",
    ]);
    const relations = ["public.cuotas", "public.courses"];
    const [first] = headers(await render({ ...failures, run: { ...failures.run, relations } }));
    expect(first).toContain("public.cuotas");
  });

  it("groups failures by relation, operation and cause, whatever the persona and the number of its rows", async () => {
    const cells = ["ana", "luis", "eva"].map((persona) => ({
      ...leak,
      persona,
      cause: becauseOf(persona === "eva" ? "narrow" : "wide"),
    }));
    const text = await render(record([...cells, { ...leak, persona: "ana", operation: "delete" }]));
    expect(headers(text)).toEqual([
      "LEAK  public.courses · select: 2 personas read more than declared",
      "LEAK  public.courses · select: eva read more than declared",
      "LEAK  public.courses · delete: ana deleted more than declared",
    ]);
    expect(text.replaceAll(/\s+/g, " ")).toContain(
      'because of policy "wide" on public.courses (FOR SELECT), policies/030.sql:4',
    );
  });

  it("tells the channels apart only where they differ", async () => {
    expect(await render(record([leak]), { verbose: true })).toContain("direct and rest: allowed");
    const text = await render(record([diverged]), { verbose: true });
    expect(text).toContain("direct (pass): allowed");
    expect(text).toContain("rest (lockout): refused by schema");
    expect(text).toContain("because   direct: every row was reached\n            rest: the gateway refused");
    expect((await render(record([diverged]))).replaceAll(/\s+/g, " ")).toMatch(
      / direct 3 of 3 as declared rest 0 of 3 3 id 1, 2, 3/,
    );
  });

  it("tells them apart when only their verdicts differ", async () => {
    const one = { ...leak, channels: { direct: channel("pass"), rest: channel("leak") } };
    const text = await render(record([one]), { verbose: true });
    expect(text).toContain("  happened  direct (pass): filtered, affected 0 of 40 rows, 0 declared\n");
    expect(text).toContain("            rest: filtered, affected 0 of 40 rows, 0 declared\n");
  });

  it("says of a curl line whether what it writes stays, and how to take it back", async () => {
    const curl = "curl -i -X POST http://localhost/notes";
    const undo = `delete from "public"."notes" where "id" = 'rowgate-1';`;
    const shown = (reproduce: CellRecord["reproduce"]): Promise<string> =>
      render(record([{ ...leak, reproduce }]), { verbose: true });
    const ends = `  reproduce in a shell (the gateway commits: the row stays):
    ${curl}
  then remove the row, in psql:
    ${undo}
`;
    expect(await shown({ psql: "begin;", curl, undo })).toContain(ends);
    expect(await shown({ psql: "begin;", curl })).toContain(`  reproduce in a shell:\n    ${curl}\n\n`);
    expect(await shown({ psql: "begin;", curl: undefined })).not.toContain("in a shell");
  });

  it("shows what reproduces a failure at that moment: SQL where the target runs, else the command that keeps it", async () => {
    const command = ["run", "matrices/fne-lms.yaml", "--overlay", "a b.sql"];
    const one = record([leak], { command });
    const gone = await render(one);
    expect(gone.replaceAll(/\\\n\s+/g, "")).toContain(
      "rowgate run matrices/fne-lms.yaml --overlay 'a b.sql' --only ana/public.courses/select --keep",
    );
    expect(gone).not.toContain("set local role");
    const running = await render(one, { running: true });
    expect(running).toContain("set local role authenticated;");
    expect(running).not.toContain("--keep");
    const shared = record([leak], { target: others.staging.run.target, command });
    expect(await render(shared)).toContain("set local role authenticated;");
  });

  it("gives three keys at the most, and says that there are more", async () => {
    const keys = ['{"id":1}', '{"id":2}', '{"id":3}', '{"id":4}'];
    const { direct } = leak.channels;
    if (direct?.observation.kind !== "rows") throw new Error("the fixture has changed");
    const observation = { ...direct.observation, unexpected: 4, unexpectedKeys: keys };
    const text = await render(record([{ ...leak, channels: { direct: { ...direct, observation } } }]));
    expect(text).toMatch(/ 4 +id 1, 2, 3, …\n/);
  });

  it("takes a key for the same however a server has spaced it, and touches nothing within strings", async () => {
    const direct = keyed('{"id" : 12345678901234567890, "a b" : "c : \\"d\\" , e"}');
    const rest = keyed('{"id":12345678901234567890,"a b":"c : \\"d\\" , e"}');
    const one = record([{ ...leak, channels: { direct, rest } }]);
    const text = (await render(one, { verbose: true })).replaceAll(/\s+/g, " ");
    expect(text).toContain(
      'direct and rest: allowed, affected 0 of 40 rows, 0 declared; 1 too many (key: {"id":12345678901234567890,"a b":"c : \\"d\\" , e"})',
    );
  });

  it("lists a dozen personas of a group, and counts the others; a group elsewhere is not hidden by them", async () => {
    const leaks = Array.from({ length: 1240 }, (_, index) => ({ ...leak, persona: `p${index}` }));
    const text = await render(record([...leaks, diverged]));
    expect(headers(text).filter((line) => line.startsWith("LEAK"))).toEqual([
      "LEAK  public.courses · select: 1,240 personas read more than declared",
    ]);
    expect(text.match(/^ {2}p\d+ /gm)).toHaveLength(12);
    expect(text).toContain("  … and 1,228 more\n");
    expect(text).toContain("DIVERGED  public.community_threads");
  });

  it("keeps so many groups of a verdict, and counts the cells of the others", async () => {
    const leaks = Array.from({ length: 70 }, (_, index) => ({ ...leak, relation: `r${index}` }));
    const text = await render(record(leaks), { quiet: true });
    expect(headers(text).filter((line) => line.startsWith("LEAK"))).toHaveLength(60);
    expect(text).toContain("… and 10 more leaks elsewhere (see cells.ndjson)");
  });

  it("keeps the worst of several cells at one place of the grid", async () => {
    const one = record([cell(), { ...leak }, cell({ expectation: allow })]);
    expect(await render(one, { verbose: true })).toMatch(/\n {2}ana {2}LEAK\n/);
    expect(await render(one)).toMatch(/\n {2}courses !\n/);
  });

  it("lists an error although it is waived", async () => {
    const waiver = { reason: "hide it", expires: "2099-01-01", at: error.at };
    const text = await render(record([{ ...error, waived: true, waiver }]));
    expect(headers(text)).toEqual(["ERROR  public.user_roles · select: ana met an error"]);
    expect(text).toContain("covers no error that it does not name");
    expect(lastLine(text)).toContain(" ERROR 1 error;");
  });

  it("names what is waived and what was sampled, and counts notes also where they are not shown", async () => {
    const waivedRelations = [
      { relation: "public.legacy", reason: "gone in May", expires: "2026-12-01", at: error.at },
      ...["public.is_admin()", "public.is_member(uuid)"].map((relation) => ({
        relation,
        reason: "a policy's helper",
        expires: "2026-12-01",
        at: error.at,
      })),
    ];
    const sampled = cell({
      channels: { direct: channel("pass", { observation: reach({ method: "sample" }) }) },
    });
    const findings = [{ kind: "sequences-advanced", sequences: ["a (unused → 1)"] }] as const;
    const one = record([sampled], { waivedRelations, findings });
    const text = (await render(one)).replaceAll(/\s+/g, " ");
    expect(text).toContain("waived public.legacy, until 2026-12-01: gone in May");
    expect(text).toContain("public.is_admin(), public.is_member(uuid), until 2026-12-01: a policy's helper");
    expect(text).toContain("sampled rows of public.courses (select): a sample was measured");
    expect(text).toContain("notes 1 sequences-advanced");
    expect(lastLine(await render(one, { quiet: true }))).toContain(
      "1 relation waived; 2 functions waived; rest: builtin gateway, not PostgREST; 1 note",
    );
  });
});

function changed(of: Recorded, facts: Partial<RunRecord>): Recorded {
  return { ...of, run: { ...of.run, ...facts } };
}

function postgrest(of: Recorded): Recorded {
  const rest = { url: "http://localhost", gateway: { kind: "postgrest", version: "12" } } as const;
  return changed(of, { target: { ...of.run.target, rest } });
}

function answeredBy(kind: "builtin" | "remote"): Recorded {
  const gateway = { kind, version: "of unknown version", image: "postgrest/postgrest:v16.2" };
  const rest = { url: "http://127.0.0.1:32770", gateway };
  return changed(others.containers, { target: { ...others.containers.run.target, rest } });
}

describe("the line about the gateway", () => {
  const checks = { rollbackHonoured: false, unknownRoleRefused: undefined, identityShown: undefined };
  it.each([
    { asked: undefined, says: "not asked about a tampered token" },
    { asked: false, says: "TAMPERED TOKEN ACCEPTED" },
  ])("says of a tampered token: $says", async ({ asked, says }) => {
    const gatewayChecks = { ...checks, tamperedTokenRefused: asked };
    expect(await render(record([cell({})], { gatewayChecks }))).toContain(says);
  });
});

describe("the last line", () => {
  it.each<{ name: string; of: Recorded; says: string }>([
    {
      name: "names the builtin gateway beside PASS",
      of: others.passing,
      says: "fne-lms on embedded PASS 64 cells (direct 64, rest 64) in 2.3 s; rest: builtin gateway, not PostgREST",
    },
    {
      name: "does not name it when PostgREST answered",
      of: postgrest(others.passing),
      says: "fne-lms on embedded PASS 64 cells (direct 64, rest 64) in 2.3 s",
    },
    {
      name: "names the image whose PostgREST answered",
      of: others.containers,
      says: "fne-lms on container PASS 64 cells (direct 64, rest 64) in 2.3 s; rest: postgrest/postgrest:v16.2",
    },
    {
      name: "goes by what answered, not by what the image is called",
      of: answeredBy("builtin"),
      says: "fne-lms on container PASS 64 cells (direct 64, rest 64) in 2.3 s; rest: builtin gateway, not PostgREST",
    },
    {
      name: "says of an image that did not say what it is",
      of: answeredBy("remote"),
      says: "fne-lms on container PASS 64 cells (direct 64, rest 64) in 2.3 s; rest: postgrest/postgrest:v16.2, which does not say that it is PostgREST",
    },
    {
      name: "says what was skipped, waived and filtered away, and counts no skip as probed",
      of: others.staging,
      says: "fne-lms on school-staging (staging) PASS 9 cells (direct 6, rest 3) in 2.3 s; 6 skipped; 1 waived; filtered by --only */public.*/* --persona ana --persona luis; 1 note",
    },
    {
      name: "says which channel a run was limited to",
      of: changed(others.passing, { filters: { only: [], personas: [], channels: ["direct"] } }),
      says: "fne-lms on embedded PASS 64 cells (direct 64, rest 64) in 2.3 s; filtered by --channel direct; rest: builtin gateway, not PostgREST",
    },
    {
      name: "is an error when nothing was probed",
      of: postgrest(others.nothing),
      says: "fne-lms on embedded ERROR no cell was probed; 0 cells (direct 0, rest 0) in 2.3 s; exit 2: rowgate could not do its job",
    },
    {
      name: "says that findings failed the run",
      of: postgrest(others.findings),
      says: "fne-lms on embedded FAIL 1 leak, 18 failing findings; 2 cells (direct 2, rest 2) in 2.3 s; 13 notes; exit 1: an expectation failed",
    },
    {
      name: "does not believe a run that counts other cells than there are",
      of: postgrest({ ...others.passing, cells: others.passing.cells.slice(1) }),
      says: "fne-lms on embedded ERROR run.json counts 64 cells, but the archive holds 63; 64 cells (direct 64, rest 64) in 2.3 s; exit 2: rowgate could not do its job",
    },
    {
      name: "does not believe a run that passed over a leak",
      of: postgrest(changed(record([leak]), { exitCode: 0 })),
      says: "fne-lms on embedded ERROR run.json says that all passed, but 1 cell failed; 1 cell (direct 1, rest 1) in 2.3 s; exit 2: rowgate could not do its job",
    },
    {
      name: "does not believe a run that passed over its findings",
      of: postgrest(changed(others.findings, { exitCode: 0 })),
      says: "fne-lms on embedded ERROR run.json says that all passed, but its findings say otherwise; 2 cells (direct 2, rest 2) in 2.3 s; 13 notes; exit 2: rowgate could not do its job",
    },
    {
      name: "does not believe a run that passed without a probe",
      of: postgrest(changed(others.nothing, { exitCode: 0 })),
      says: "fne-lms on embedded ERROR run.json says that all passed, but no cell was probed; 0 cells (direct 0, rest 0) in 2.3 s; exit 2: rowgate could not do its job",
    },
  ])("$name", async ({ of, says }) => {
    expect(lastLine(await render(of))).toBe(says);
    expect(lastLine(await render(of, { quiet: true }))).toBe(says);
  });

  it("says that a channel was not probed", async () => {
    const one = cell({ channels: { direct: channel("pass") }, notOn: { rest: "no gateway" } });
    expect(await render(record([one]), { verbose: true })).toContain("\n  rest     not probed\n");
  });
});
