import { stripVTControlCharacters } from "node:util";

import { describe, expect, it } from "vitest";

import type { CellRecord, RunRecord } from "../../../src/model/run.ts";
import type { TerminalOptions } from "../../../src/report/terminal.ts";
import { createTerminalReport } from "../../../src/report/terminal.ts";
import { columns } from "../../../src/report/text.ts";
import type { Recorded } from "../../fixtures/runs/build.ts";
import { allow, cell, channel, reach, record } from "../../fixtures/runs/build.ts";
import { diverged, error, failures, leak } from "../../fixtures/runs/failures.ts";
import * as others from "../../fixtures/runs/others.ts";
import { golden } from "../../golden.ts";

interface Case extends Recorded {
  readonly options?: Partial<TerminalOptions>;
}

const cases: Readonly<Record<string, Case>> = {
  failures,
  passing: others.passing,
  staging: others.staging,
  containers: others.containers,
  nothing: others.nothing,
  findings: others.findings,
  wide: { ...others.wide, options: { failuresShown: 1 } },
  large: others.large,
  crowd: others.crowd,
  hostile: others.hostile,
  columns: others.columnCells,
  functions: others.functionCells,
};
const named = Object.entries(cases).map(([name, of]) => ({ name, of }));

function render({ run, cells, options: own }: Case, options: Partial<TerminalOptions> = {}): string {
  const report = createTerminalReport({ width: 80, colour: false, quiet: false, ...own, ...options });
  for (const one of cells) report.add(one);
  return report.finish(run, "logs/20261121/20261121T020304Z-0a1b2c3d");
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

describe("the terminal report", () => {
  it.each(named)("$name: 80 columns, without colour", ({ name, of }) => {
    const text = render(of);
    expect(text).toBe(golden(`terminal/${name}.txt`, text));
  });

  it.each(named)("$name: quiet", ({ name, of }) => {
    const text = render(of, { quiet: true });
    expect(text).toBe(golden(`terminal/${name}.quiet.txt`, text));
  });

  it.each(named.flatMap((one) => [60, 80, 200].map((width) => ({ ...one, width }))))(
    "$name at $width columns: no line is wider",
    ({ of, width }) => {
      const over = render(of, { width })
        .split("\n")
        .filter((line) => columns(line) > Math.min(width, 120));
      // One quoted word of a shell's cannot be broken; at 80 columns there is room even for that.
      const whole = over.filter((line) => /^ {6}"Authorization: [^"]*" \\$/.test(line));
      expect(over).toEqual(width < 80 ? whole : []);
    },
  );

  it.each(named)("$name: colour adds nothing but colour", ({ of }) => {
    const plain = render(of);
    const coloured = render(of, { colour: true });
    expect(coloured).not.toBe(plain);
    expect(stripVTControlCharacters(coloured)).toBe(plain);
  });

  it.each(named)("$name: nothing in it could move a cursor or reorder letters", ({ of }) => {
    expect(render(of).replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  });

  it("lists leaks, then divergences, lockouts, errors, vacuous and inconclusive cells, in the matrix's order", () => {
    expect(headers(render(failures)).map((line) => line.split("  ")[0])).toEqual([
      "LEAK",
      "LEAK",
      "DIVERGED",
      "LOCKOUT",
      "ERROR",
      "VACUOUS",
      "INCONCLUSIVE",
    ]);
    const relations = ["public.cuotas", "public.courses"];
    const [first] = headers(render({ ...failures, run: { ...failures.run, relations } }));
    expect(first).toContain("public.cuotas");
  });

  it("tells the channels apart only where they differ", () => {
    expect(render(record([leak]))).toContain("direct and rest: allowed");
    const text = render(record([diverged]));
    expect(text).toContain("direct (pass): allowed");
    expect(text).toContain("rest (lockout): refused by schema");
    expect(text).toContain("because   direct: every row was reached\n            rest: the gateway refused");
  });

  it("tells them apart when only their verdicts differ", () => {
    const text = render(record([{ ...leak, channels: { direct: channel("pass"), rest: channel("leak") } }]));
    expect(text).toContain("  happened  direct (pass): filtered, reached 0 of 40 rows, 0 declared\n");
    expect(text).toContain("            rest: filtered, reached 0 of 40 rows, 0 declared\n");
  });

  it("says of a curl line whether what it writes stays, and how to take it back", () => {
    const curl = "curl -i -X POST http://localhost/notes";
    const undo = `delete from "public"."notes" where "id" = 'rowgate-1';`;
    const shown = (byHand: CellRecord["reproduce"]): string =>
      render(record([{ ...leak, reproduce: byHand }]));
    const ends = `  by hand, in a shell (the gateway commits: the row stays):
    ${curl}
  and then, to take it back, in psql:
    ${undo}
`;
    expect(shown({ psql: "begin;", curl, undo })).toContain(ends);
    expect(shown({ psql: "begin;", curl })).toContain(`  by hand, in a shell:\n    ${curl}\n\n`);
    expect(shown({ psql: "begin;", curl: undefined })).not.toContain("in a shell");
  });

  it("gives three keys at the most, and says that there are more", () => {
    const keys = ['{"id":1}', '{"id":2}', '{"id":3}', '{"id":4}'];
    const { direct } = leak.channels;
    if (direct?.observation.kind !== "rows") throw new Error("the fixture has changed");
    const observation = { ...direct.observation, unexpected: 4, unexpectedKeys: keys };
    const text = render(record([{ ...leak, channels: { direct: { ...direct, observation } } }]));
    expect(text.replaceAll(/\s+/g, " ")).toContain('4 too many (keys {"id":1}, {"id":2}, {"id":3}, …)');
  });

  it("takes a key for the same however a server has spaced it, and touches nothing within strings", () => {
    const direct = keyed('{"id" : 12345678901234567890, "a b" : "c : \\"d\\" , e"}');
    const rest = keyed('{"id":12345678901234567890,"a b":"c : \\"d\\" , e"}');
    const text = render(record([{ ...leak, channels: { direct, rest } }])).replaceAll(/\s+/g, " ");
    expect(text).toContain(
      'direct and rest: allowed, reached 0 of 40 rows, 0 declared; 1 too many (key {"id":12345678901234567890,"a b":"c : \\"d\\" , e"})',
    );
  });

  it("shows so many failures of a verdict, and counts the others", () => {
    const leaks = Array.from({ length: 1240 }, (_, index) => ({ ...leak, persona: `p${index}` }));
    const text = render(record([...leaks, diverged]));
    expect(headers(text).filter((line) => line.startsWith("LEAK"))).toHaveLength(50);
    expect(text).toContain("… and 1,190 more leaks (see cells.ndjson)\n");
    expect(text).toContain("DIVERGED  luis");
  });

  it("keeps the worst of several cells at one place of the grid", () => {
    const one = record([cell(), { ...leak }, cell({ expectation: allow })]);
    expect(render(one)).toMatch(/\n {2}ana {2}LEAK\n/);
  });

  it("lists an error although somebody waived it", () => {
    const waiver = { reason: "hide it", expires: "2099-01-01", at: error.at };
    const text = render(record([{ ...error, waived: true, waiver }]));
    expect(headers(text)).toEqual(["ERROR  ana · public.user_roles · select"]);
    expect(text).toContain("cannot cover an error");
    expect(lastLine(text)).toContain(" ERROR 1 error;");
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
      says: "fne-lms on school-staging (staging) PASS 9 cells (direct 6, rest 3) in 2.3 s; 6 skipped; 1 waived; filtered by --only */public.*/* --persona ana --persona luis",
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
      says: "fne-lms on embedded ERROR 17 failing findings; 2 cells (direct 2, rest 2) in 2.3 s; exit 2: rowgate could not do its job",
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
      says: "fne-lms on embedded ERROR run.json says that all passed, but its findings say otherwise; 2 cells (direct 2, rest 2) in 2.3 s; exit 2: rowgate could not do its job",
    },
    {
      name: "does not believe a run that passed without a probe",
      of: postgrest(changed(others.nothing, { exitCode: 0 })),
      says: "fne-lms on embedded ERROR run.json says that all passed, but no cell was probed; 0 cells (direct 0, rest 0) in 2.3 s; exit 2: rowgate could not do its job",
    },
  ])("$name", ({ of, says }) => {
    expect(lastLine(render(of))).toBe(says);
    expect(lastLine(render(of, { quiet: true }))).toBe(says);
  });

  it("says that a channel was not probed", () => {
    const one = cell({ channels: { direct: channel("pass") }, notOn: { rest: "no gateway" } });
    expect(render(record([one]))).toContain("\n  rest     not probed\n");
  });
});
