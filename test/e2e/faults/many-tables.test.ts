import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readRun } from "../../../src/archive/read.ts";
import { makeProject, removeProject } from "../../cli/system.ts";
import { type CliResult, rowgate } from "../../support/cli.ts";
import { crowd } from "./support.ts";

// A catalogue of five thousand tables, within little memory: the whole program.

const tables = 5_000;
/** Each of these is probed: what a run does for every relation shows with fewer. */
const declared = 1_000;
const { sql, matrix } = crowd(3);
const atOnce = 500;

/** Each file is one transaction, and each table in it holds a lock or more: as migrations are, there are several. */
function filesOf(name: string, count: number, more: readonly string[]): Readonly<Record<string, string>> {
  const each = [
    "create table %1$I (id int, owner uuid not null)",
    "alter table %1$I enable row level security",
    ...more,
  ];
  const statements = each.map((statement) => `execute format('${statement}', 't_' || n);`).join(" ");
  return Object.fromEntries(
    Array.from({ length: count / atOnce }, (_, index) => [
      `policies/${name}/${100 + index}_many.sql`,
      `do $$ begin for n in ${index * atOnce + 1} .. ${(index + 1) * atOnce} loop ${statements} end loop; end $$;`,
    ]),
  );
}

const readable = [
  "grant select on %1$I to authenticated",
  "create policy own on %1$I to authenticated using (owner = auth.uid())",
];

/** Every table is declared; nobody may read any of them, for they are all empty: what proves nothing is told as such. */
const all = `matrix: all
channels: [direct]
personas:
  ana: { role: authenticated, claims: { sub: 10000000-0000-4000-8000-000000000001 } }
relations:
${Array.from({ length: declared }, (_, index) => `  t_${index + 1}: { expect: { ana: { select: deny } } }\n`).join("")}`;

let project: string;
beforeAll(async () => {
  project = await makeProject({
    "matrices/few.yaml": matrix.replace("matrix: crowd", "matrix: few"),
    "policies/few/010_few.sql": sql,
    ...filesOf("few", tables, []),
    "matrices/all.yaml": all,
    ...filesOf("all", declared, readable),
  });
});
afterAll(async () => {
  await removeProject(project);
});

async function run(name: string, ...args: readonly string[]): Promise<CliResult & { readonly logs: string }> {
  const logs = path.join(project, `logs ${name}`);
  const env = { NODE_OPTIONS: "--max-old-space-size=384" };
  const result = await rowgate(["run", `matrices/${name}.yaml`, "--logs", logs, ...args], {
    cwd: project,
    env,
  });
  return { ...result, logs };
}

function archiveIn(logs: string): string {
  const [day = ""] = readdirSync(logs).filter((one) => /^\d{8}$/.test(one));
  const [id = ""] = readdirSync(path.join(logs, day));
  return path.join(logs, day, id);
}

describe("five thousand tables", () => {
  test("of which three are declared: those are proved, and the others told in a few lines", async () => {
    const { code, out, err, logs } = await run("few");
    expect(code, err).toBe(1);
    expect(out.split("\n").length).toBeLessThan(120);
    expect(out).toContain("4,9");
    const archive = archiveIn(logs);
    const { counts, findings } = await readRun(archive);
    expect(counts.byVerdict.pass).toBe(counts.cells);
    // The archive names every one.
    expect(findings.filter(({ kind }) => kind === "undeclared-relation")).toHaveLength(tables);
    expect(statSync(path.join(archive, "catalog.json")).size).toBeLessThan(64 * 1024 * 1024);
  });

  test("and a thousand that are all declared: every cell is there, and the list of failures ends", async () => {
    const { code, out, err, logs } = await run("all", "--only", "*/*/select");
    expect(code, err).toBe(1);
    const { counts } = await readRun(archiveIn(logs));
    expect(counts.cells).toBe(declared);
    expect(counts.byVerdict.vacuous + counts.byVerdict.pass + counts.byVerdict.leak).toBe(declared);
    expect(out.length).toBeLessThan(2_000_000);
  });
});
