import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startEmbedded } from "../dist/stage/postgres/server.js";
import { applySystemSql } from "../dist/stage/system.js";
import { seconds, type StageResult } from "./figures.ts";
import type { Options } from "./options.ts";
import { median } from "./sample.ts";

const program = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const tables = 60;
/** What is promised, in milliseconds. */
const scanWithin = 30_000;
const verdictWithin = 1000;

/** `rowgate scan` of a Supabase project of 60 tables, whole process, beside applying its migrations. */
export async function benchScan(options: Options, folder: string): Promise<StageResult> {
  const migrations = writeProject(folder);
  const apply = await timeToApply(migrations);
  const scans: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const began = performance.now();
    const child = start(["scan", "supabase/migrations", "--quiet"], folder);
    const code = await ended(child);
    if (code !== 0) throw new Error(`rowgate scan ended with ${code}`);
    scans.push(performance.now() - began);
  }
  const ours = median(scans);
  const row = (what: string, theirs: number, atMost: number | undefined) => ({
    what,
    ours: seconds(ours),
    theirs: seconds(theirs),
    ratio: ours / theirs,
    budget: atMost === undefined ? undefined : ({ bound: "at most", value: atMost } as const),
  });
  return {
    rows: [
      row(`rowgate scan of ${tables} tables, beside 30 s`, scanWithin, 1),
      row("  the same beside applying its migrations", apply, undefined),
    ],
    notes: [],
    raw: { apply, scans },
  };
}

/** `rowgate watch` on the same project: from a save of the last migration to the first verdict of its one relation. */
export async function benchWatch(options: Options, folder: string): Promise<StageResult> {
  const migrations = writeProject(folder);
  const apply = await timeToApply(migrations);
  const child = start(["watch", "matrix.yaml"], folder);
  let out = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => (out += chunk));
  const saves: number[] = [];
  let cells = "";
  try {
    await verdict(child, () => out, 0);
    for (let round = 0; round < Math.max(5, options.rounds); round++) {
      const from = out.length;
      writeFileSync(
        path.join(migrations, "20240103000000_last.sql"),
        lastSql(round % 2 === 0 ? "true" : "owner = auth.uid()"),
      );
      const [, of = "", first = "0"] = await verdict(child, () => out, from);
      saves.push(Number(first) * 1000);
      cells = of;
    }
  } finally {
    child.kill("SIGINT");
    await ended(child);
  }
  const ours = median(saves);
  const row = (what: string, theirs: number, atMost: number | undefined) => ({
    what,
    ours: seconds(ours),
    theirs: seconds(theirs),
    ratio: ours / theirs,
    budget: atMost === undefined ? undefined : ({ bound: "at most", value: atMost } as const),
  });
  return {
    rows: [
      row(
        `rowgate watch, ${tables} tables: from a save to the first of ${cells} verdicts, beside 1 s`,
        verdictWithin,
        1,
      ),
      row("  the same beside applying all migrations", apply, undefined),
    ],
    notes: [],
    raw: { apply, saves },
  };
}

const users = [1, 2, 3].map((one) => `10000000-0000-4000-8000-00000000000${one}`);

/** The last migration's table has one policy that a save changes. */
function lastSql(condition: string): string {
  return `create table public.last (id int primary key, owner uuid references auth.users);
alter table public.last enable row level security;
create policy own on public.last for select to authenticated using (${condition});
insert into public.last select n, id from auth.users, generate_series(1, 1) n where id = '${users[0]}';
insert into public.last values (2, '${users[1]}');
`;
}

/** Own SQL of the kind that Supabase projects have. @returns the folder of its migrations */
function writeProject(folder: string): string {
  const migrations = path.join(folder, "supabase/migrations");
  mkdirSync(migrations, { recursive: true });
  const first = `insert into auth.users (id, email) values ${users.map((id, at) => `('${id}', 'u${at}@a.test')`).join(", ")};
create table public.members (org int, user_id uuid references auth.users on delete cascade, role text not null, primary key (org, user_id));
alter table public.members enable row level security;
create policy own on public.members for select to authenticated using (user_id = auth.uid());
insert into public.members values (1, '${users[0]}', 'admin'), (1, '${users[1]}', 'member'), (2, '${users[2]}', 'member');
create function public.is_member(o int) returns boolean language sql stable security definer set search_path = '' as
  $$ select exists (select 1 from public.members m where m.org = o and m.user_id = auth.uid()) $$;
`;
  const table = (at: number): string => `create table public.t${at} (
  id bigint generated by default as identity primary key, org int not null, owner uuid not null references auth.users, title text);
alter table public.t${at} enable row level security;
create policy read on public.t${at} for select to authenticated using (public.is_member(org));
create policy write on public.t${at} to authenticated using (owner = auth.uid()) with check (owner = auth.uid() and public.is_member(org));
insert into public.t${at} (org, owner, title) select m.org, m.user_id, 'x' from public.members m;
`;
  writeFileSync(path.join(migrations, "20240101000000_first.sql"), first);
  for (let at = 1; at < tables - 1; at++)
    writeFileSync(path.join(migrations, `2024010200${String(at).padStart(4, "0")}_t.sql`), table(at));
  writeFileSync(path.join(migrations, "20240103000000_last.sql"), lastSql("owner = auth.uid()"));
  writeFileSync(
    path.join(folder, "matrix.yaml"),
    `matrix: bench
policies: supabase/migrations
personas: { ana: { role: authenticated, claims: { sub: ${users[0]} } } }
relations:
  last: { expect: { ana: { select: { rows: owner = :sub } } } }
${Array.from({ length: tables - 2 }, (_, at) => `  t${at + 1}: { expect: { ana: { select: { rows: org = 1 } } } }\n`).join("")}`,
  );
  return migrations;
}

async function timeToApply(policies: string): Promise<number> {
  const baseline = { name: "supabase", defaultPrivileges: "legacy", privilegesFrom: "assumed" } as const;
  await using server = await startEmbedded({ baseline: "supabase" });
  const database = await server.createDatabase("apply", baseline);
  const began = performance.now();
  await applySystemSql(database, { policies, overlays: [], baseline });
  return performance.now() - began;
}

function start(args: readonly string[], cwd: string): ChildProcess {
  return spawn(process.execPath, [program, ...args], { cwd, stdio: ["ignore", "pipe", "ignore"] });
}

async function ended(child: ChildProcess): Promise<number | null> {
  child.stdout?.resume();
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  return new Promise((resolve) => child.once("close", resolve));
}

/** The line after a save: how many cells, and how long until the first. */
async function verdict(child: ChildProcess, out: () => string, from: number): Promise<RegExpExecArray> {
  for (;;) {
    const found = /of (\d+) cells? passed; first verdict after ([\d.]+) s, all after/.exec(out().slice(from));
    if (found !== null) return found;
    if (child.exitCode !== null) throw new Error(`rowgate watch ended: ${out()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
