import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rowgate } from "../support/cli.ts";

const ana = "10000000-0000-4000-8000-000000000001";
const sql = `
create table public.notes (id int primary key, owner uuid not null);
alter table public.notes enable row level security;
grant select on public.notes to authenticated;
create policy own on public.notes for select to authenticated using (owner = auth.uid());
`;
const rows = `insert into public.notes values (1, '${ana}'), (2, gen_random_uuid());`;

function matrix(name: string, observed: string, expected: string): string {
  return `
matrix: ${name}
channels: [direct]
policies: ../migrations
seed: ../rows.sql
personas:
  ana: { role: authenticated, claims: { sub: ${ana} } }
relations:
  notes:${observed}
    expect: { ana: { select: ${expected} } }
`;
}

describe("observed: true", () => {
  let cwd: string;
  beforeAll(async () => {
    cwd = await mkdtemp(path.join(tmpdir(), "rowgate observed "));
    await chmod(cwd, 0o755);
    await mkdir(path.join(cwd, "migrations"));
    await mkdir(path.join(cwd, "matrices"));
    const own = '{ rows: "owner = :sub" }';
    const observed = "\n    observed: true";
    const files = {
      "migrations/010_all.sql": sql,
      "rows.sql": rows,
      "wider.sql": "create policy everyone on public.notes for select to authenticated using (true);",
      "matrices/now.yaml": matrix("now", observed, own),
      "matrices/observed.yaml": matrix("observed", observed, "allow"),
      "matrices/confirmed.yaml": matrix("confirmed", "", "allow"),
      // One line by itself: what another line says, a person has confirmed.
      "matrices/line.yaml": matrix("line", "", "allow, observed: true"),
      "matrices/operation.yaml": matrix("operation", "", "{ allow: true, observed: true }"),
      "matrices/refused.yaml": matrix("refused", "\n    observed: false", own),
    };
    for (const [file, text] of Object.entries(files)) await writeFile(path.join(cwd, file), text);
  });
  afterAll(() => rm(cwd, { recursive: true, force: true }));

  test("a report marks the cells that no person has confirmed", async () => {
    const args = ["run", "--overlay", "wider.sql", "--quiet"];
    const observed = await rowgate([...args, "matrices/now.yaml"], { cwd });
    expect(observed.code).toBe(1);
    expect(observed.out).toMatch(/^ +ana +observed: /m);
  });

  test("its cells run as any other, over the rows of `seed`, and the last line counts them", async () => {
    const { code, out } = await rowgate(["run", "matrices/now.yaml"], { cwd });
    expect(out).toMatch(/PASS/);
    expect(out.replaceAll(/\s+/g, " ")).toMatch(
      /\d+ observed, not confirmed: an observation is no intention/,
    );
    expect(code).toBe(0);
  });

  test("it does not let a migration widen access; the same entry without it does", async () => {
    const gate = async (name: string): Promise<number | null> =>
      (await rowgate(["gate", "wider.sql", "--matrix", `matrices/${name}.yaml`], { cwd })).code;
    expect(await Promise.all(["observed", "line", "operation"].map(gate))).toEqual([1, 1, 1]);
    expect(await gate("confirmed")).toBe(0);
  });

  test("`observed: false` is refused with its place: the line is deleted instead", async () => {
    const { code, err } = await rowgate(["run", "matrices/refused.yaml"], { cwd });
    expect(err).toContain("refused.yaml:10:15");
    expect(code).toBe(2);
  });
});
