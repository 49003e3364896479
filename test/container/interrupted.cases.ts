import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dayPattern } from "../../src/archive/id.ts";
import { makeProject, removeProject } from "../cli/system.ts";
import { images } from "./build.ts";
import { leftBehind } from "./claim.ts";
import { docker, leftovers } from "./engine.ts";
import { runOnContainers } from "./rowgate.ts";

/** Big enough that probing lasts beyond its first verdict: eight relations with slow policies, ten personas. */
const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
const subject = (index: number): string => `10000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
const sql = `
create function public.slow() returns boolean language plpgsql as $$ begin perform pg_sleep(0.05); return true; end $$;
${numbers
  .map(
    (n) => `
create table public.notes_${n} (id int primary key, owner uuid not null, body text);
alter table public.notes_${n} enable row level security;
grant select, update, delete on public.notes_${n} to authenticated, service_role;
create policy own on public.notes_${n} to authenticated using (owner = auth.uid() and public.slow());
insert into public.notes_${n} select n, ('10000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'a' from generate_series(1, 10) n;`,
  )
  .join("")}
`;
const matrix = `matrix: notes
personas:
${Array.from({ length: 10 }, (_, index) => `  p${index + 1}: { role: authenticated, claims: { sub: ${subject(index + 1)} } }`).join("\n")}
relations:
${numbers
  .map(
    (n) => `  notes_${n}:
    rows: { mine: owner = :sub }
    expect: { '*': { select: mine, update: mine, delete: mine } }`,
  )
  .join("\n")}
`;

const moments = [
  "while Postgres is made",
  "while Postgres is awaited",
  "while the gateway is made",
  "at the first verdict",
] as const;
const ends = [
  ...(["SIGINT", "SIGKILL"] as const).flatMap((signal) => moments.map((moment) => ({ signal, moment }))),
  // It is taken as SIGINT is: once is enough.
  { signal: "SIGTERM", moment: "while the gateway is made" } as const,
];

async function reach(moment: (typeof moments)[number], err: () => string): Promise<void> {
  const arrived: Record<typeof moment, () => Promise<boolean>> = {
    "while Postgres is made": async () => /^network rowgate-/m.test((await leftovers()).join("\n")),
    "while Postgres is awaited": async () => /-postgres Up/.test((await leftovers()).join("\n")),
    "while the gateway is made": async () => /-postgrest-1 /.test((await leftovers()).join("\n")),
    "at the first verdict": async () => err().includes("first verdict"),
  };
  for (const end = Date.now() + 120_000; !(await arrived[moment]()); await sleep(50))
    if (Date.now() > end) throw new Error(`not reached: ${moment}; it said: ${err()}`);
}

export const cases = (): void =>
  void describe("a run on containers that is interrupted", () => {
    let project: string;
    beforeAll(async () => {
      project = await makeProject({ "matrices/notes.yaml": matrix, "policies/notes/010_notes.sql": sql });
    });
    afterAll(async () => {
      await removeProject(project);
    });

    test.each(ends)(
      "$signal $moment leaves no container, network, volume or archive",
      async ({ signal, moment }) => {
        const logs = `logs ${signal} ${moment}`;
        let seen: readonly string[] = [];
        const result = await runOnContainers(["--logs", logs], {
          cwd: project,
          env: moment === "while Postgres is awaited" ? { ROWGATE_POSTGRES_IMAGE: images.slow } : {},
          watch: async (child, err) => {
            await reach(moment, err);
            seen = await leftovers();
            child.kill(signal);
          },
        });
        const code = { SIGINT: 130, SIGTERM: 143, SIGKILL: null }[signal];
        expect(result.code, result.err).toBe(code);
        // What is looked for is there to be found.
        expect(seen.filter((one) => one.includes("rowgate-")).length).toBeGreaterThan(0);
        expect(await leftBehind()).toEqual([]);
        const folder = path.join(project, logs);
        const days = existsSync(folder) ? readdirSync(folder).filter((name) => dayPattern.test(name)) : [];
        const archives = days.flatMap((day) => readdirSync(path.join(folder, day)));
        expect(archives.filter((name) => !name.startsWith("."))).toEqual([]);
      },
    );

    test("what a supervisor that was killed itself has left is removed by the next run", async () => {
      await runOnContainers(["--logs", "logs killed"], {
        cwd: project,
        watch: async (child, err) => {
          await reach("at the first verdict", err);
          const [own] = execFileSync("pgrep", ["-P", String(child.pid), "-f", "containers/supervisor.js"], {
            encoding: "utf8",
          }).split("\n");
          process.kill(Number(own), "SIGKILL");
          child.kill("SIGKILL");
        },
      });
      const left = (await leftovers()).filter((one) => one.includes("-postgres"));
      expect(left.length).toBeGreaterThan(0);
      // The policies sleep, which is VOLATILE: they are proved for no other row than those at hand.
      const args = ["--only", "p1/*/select", "--proof", "rows-at-hand", "--logs", "logs next"];
      const next = await runOnContainers(args, { cwd: project });
      expect(next.code, next.err).toBe(0);
      expect(await leftBehind()).toEqual([]);
    });

    test("a Postgres that dies in the middle: exit 2, no PASS, nothing left", async () => {
      const result = await runOnContainers(["--logs", "logs dead"], {
        cwd: project,
        watch: async (_, err) => {
          await reach("while the gateway is made", err);
          const name = (await leftovers()).find((one) => one.includes("-postgres Up"))?.split(" ")[0] ?? "";
          await reach("at the first verdict", err);
          await docker("kill", name);
        },
      });
      expect(result.code, result.out).toBe(2);
      expect(result.out).not.toMatch(/ {2}PASS {2}/);
      expect(result.err + result.out).not.toContain("something unexpected");
      expect(await leftBehind()).toEqual([]);
    });
  });
