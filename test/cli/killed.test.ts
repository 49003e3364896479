import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dayPattern } from "../../src/archive/id.ts";
import { verifyArchive } from "../../src/archive/verify.ts";
import { rowgate } from "../support/cli.ts";
import { processesIn, until } from "../support/processes.ts";
import { makeProject, notesMatrix, notesSql, removeProject } from "./system.ts";

/** Big enough that every stage lasts: twenty personas over slow policies. */
const sql = `
create table public.notes (id int primary key, owner uuid not null, body text);
alter table public.notes enable row level security;
grant select, insert, update, delete on public.notes to authenticated, service_role;
create function public.slow() returns boolean language plpgsql as $$ begin perform pg_sleep(0.004); return true; end $$;
create policy own on public.notes to authenticated using (owner = auth.uid() and public.slow()) with check (owner = auth.uid());
insert into public.notes select n, ('10000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'a' from generate_series(1, 20) n;
`;
const personas = Array.from({ length: 20 }, (_, index) => {
  const sub = `10000000-0000-4000-8000-${String(index + 1).padStart(12, "0")}`;
  return `  p${index + 1}: { role: authenticated, claims: { sub: ${sub} } }`;
}).join("\n");
const matrix = `matrix: notes
personas:
${personas}
relations:
  notes:
    rows: { mine: owner = :sub }
    expect:
      '*': { select: mine, update: mine, delete: mine }
`;

let project: string;
beforeAll(async () => {
  project = await makeProject({
    "matrices/notes.yaml": matrix,
    "policies/notes/010_notes.sql": sql,
    "matrices/short.yaml": notesMatrix.replace("matrix: notes", "matrix: short"),
    "policies/short/010_notes.sql": notesSql,
    "matrices/twin.yaml": matrix.replace("matrix: notes", "matrix: twin"),
    "policies/twin/010_notes.sql": sql,
  });
});
afterAll(async () => {
  await removeProject(project);
});

const moments = [
  "at once",
  "while the server starts",
  "at the first verdict",
  "in the middle",
  "when one of three is done",
] as const;

interface Scene {
  readonly room: string;
  readonly logs: string;
}

async function reach(
  moment: (typeof moments)[number],
  { room, logs }: Scene,
  err: () => string,
): Promise<void> {
  if (moment === "at once") await sleep(30);
  if (moment === "while the server starts") await until(() => readdirSync(room).length > 0);
  if (moment === "at the first verdict") await until(() => err().includes("first verdict"));
  if (moment === "in the middle") await until(() => /\n +[2-6]0% /.test(err()));
  if (moment === "when one of three is done") await until(() => namedIn(logs).length > 0);
}

/** Archives that have their name. */
function namedIn(logs: string): string[] {
  const days = existsSync(logs) ? readdirSync(logs).filter((one) => dayPattern.test(one)) : [];
  return days.flatMap((day) =>
    readdirSync(path.join(logs, day))
      .filter((one) => !one.startsWith("."))
      .map((one) => path.join(logs, day, one)),
  );
}

const signals = ["SIGKILL", "SIGINT", "SIGTERM"] as const;
const one = ["matrices/notes.yaml"];
/** Two at a time: the short one is done while the two others are still on. */
const three = ["matrices/short.yaml", "matrices/notes.yaml", "matrices/twin.yaml"];
const cases = signals.flatMap((signal) =>
  moments.map((moment) => ({ signal, moment, files: moment === "when one of three is done" ? three : one })),
);

test.each(cases)(
  "$signal $moment leaves no process, no directory, no archive that looks whole",
  async ({ signal, moment, files }) => {
    const name = `${signal} ${moment}`;
    const room = path.join(project, `tmp ${name}`);
    const logs = path.join(project, `logs ${name}`);
    mkdirSync(room);
    let seen = 0;
    const result = await rowgate(["run", ...files, "--logs", logs], {
      cwd: project,
      env: { TMPDIR: room },
      watch: async (child, err) => {
        await reach(moment, { room, logs }, err);
        seen = processesIn(room).length;
        child.kill(signal);
      },
    });
    // A signal that comes before the first line of the program ends it as signals do.
    const wanted = { SIGKILL: [null], SIGINT: [130, null], SIGTERM: [143, null] }[signal];
    expect(wanted, result.err).toContain(result.code);
    // What is looked for is there to be found: once the server runs, its command line names the room.
    expect(seen > 0 || !moments.slice(2).includes(moment)).toBe(true);
    await until(() => processesIn(room).length === 0 && readdirSync(room).length === 0);
    expect(processesIn(room)).toEqual([]);
    expect(readdirSync(room)).toEqual([]);
    // An archive that has its name is whole: a signal may come just after it was named.
    const named = namedIn(logs);
    expect(named.length).toBeLessThan(files.length === 1 ? 2 : files.length);
    // Who had the time to clean up has done so.
    const all = existsSync(logs) ? readdirSync(logs, { recursive: true, encoding: "utf8" }) : [];
    const unfinished = signal === "SIGKILL" ? [] : all.filter((file) => /\/\.|^\./.test(file));
    expect(unfinished).toEqual([]);
    for (const archive of named) expect(await verifyArchive(archive), archive).toEqual([]);
  },
);

/** ROWGATE_SEEDS=7,8,9 tries other moments; a seed gives the same ones again. */
const seeds = (process.env["ROWGATE_SEEDS"] ?? "1,2,3,4").split(",").map(Number);
/** Milliseconds from the start of the process; a whole run takes some seconds. */
const latest = 5_000;

const random = seeds.map((seed) => {
  const digest = createHash("sha256").update(`moment ${seed}`).digest();
  return {
    seed,
    signal: digest.readUInt8(0) % 2 === 0 ? ("SIGINT" as const) : ("SIGTERM" as const),
    delay: digest.readUInt32BE(4) % latest,
  };
});

test.each(random)("seed $seed: $signal after $delay ms leaves nothing", async ({ seed, signal, delay }) => {
  const room = path.join(project, `tmp seed ${seed}`);
  const logs = path.join(project, `logs seed ${seed}`);
  mkdirSync(room);
  const result = await rowgate(["run", ...one, "--logs", logs], {
    cwd: project,
    env: { TMPDIR: room },
    watch: async (child) => {
      await sleep(delay);
      child.kill(signal);
    },
  });
  const named = namedIn(logs);
  // It may have ended before; then it has proved what there is to prove.
  const codes: readonly unknown[] = named.length > 0 ? [0, 1] : [];
  expect([...codes, { SIGINT: 130, SIGTERM: 143 }[signal], null], result.err).toContain(result.code);
  expect(result.err).not.toContain("    at ");
  await until(() => processesIn(room).length === 0 && readdirSync(room).length === 0);
  expect([...processesIn(room), ...readdirSync(room)]).toEqual([]);
  for (const archive of named) expect(await verifyArchive(archive), archive).toEqual([]);
});
