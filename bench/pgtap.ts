import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Cell } from "../dist/model/cell.js";
import type { DatabaseAddress, Target } from "../dist/model/target.js";
import { withClient } from "./database.ts";
import { type KnownRow, pgTapFile, pgTapSection } from "./pgtap-sql.ts";
import { plannedCells } from "./planned.ts";

export interface PgTapSuite {
  readonly files: readonly string[];
  readonly cells: number;
}

/**
 * Personas in one file. pgTAP keeps its state in temporary tables, whose dead rows slow a long file down, and a short
 * one pays for its start: some 200 assertions are where it is fastest.
 */
const personasPerFile = 25;

/** Writes the test files for the cells of some relations, and makes the extension. */
export async function writePgTapSuite(
  target: Target,
  matrixFile: string,
  only: string,
  relations: readonly string[],
  folder: string,
): Promise<PgTapSuite> {
  mkdirSync(folder, { recursive: true });
  await withClient(target.database, async (client) => {
    await client.query("create schema if not exists tap; create extension if not exists pgtap schema tap");
    await client.query("grant usage on schema tap to public");
  });
  const written: { readonly file: string; readonly turn: number }[] = [];
  let count = 0;
  for await (const cells of plannedCells(target, matrixFile, only, relations)) {
    count += cells.length;
    const rows = await rowsOf(target.database, cells);
    const names = [...new Set(cells.map(({ persona }) => persona.name))];
    for (let turn = 0; turn * personasPerFile < names.length; turn++) {
      const some = new Set(names.slice(turn * personasPerFile, (turn + 1) * personasPerFile));
      const own = cells.filter(({ persona }) => some.has(persona.name));
      const file = path.join(folder, `${own[0]?.relation.info.name}_${turn}.sql`);
      writeFileSync(file, pgTapFile([pgTapSection(own, rows)]));
      written.push({ file, turn });
    }
  }
  // The two jobs must not meet at one relation: they would wait for each other's locks.
  return { files: written.toSorted((a, b) => a.turn - b.turn).map(({ file }) => file), cells: count };
}

async function rowsOf(database: DatabaseAddress, cells: readonly Cell[]): Promise<readonly KnownRow[]> {
  const name = cells[0]?.relation.info.name ?? "";
  const { rows } = await withClient(database, (client) =>
    client.query<KnownRow>(
      `select t.id::text, t.owner_id::text as owner from public.${name} t order by t.id`,
    ),
  );
  return rows;
}

/** @returns milliseconds that `pg_prove -j2` took, all of it. Throws when a test fails. */
export async function runPgTap(
  pgProve: string,
  { files }: PgTapSuite,
  database: DatabaseAddress,
): Promise<number> {
  const { host, port, user, password, database: name } = database;
  const started = performance.now();
  const child = spawn(
    pgProve,
    ["-j2", "-Q", "-h", host, "-p", String(port), "-U", user, "-d", name, ...files],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PGPASSWORD: password, PGSSLMODE: "disable" },
    },
  );
  let said = "";
  for (const pipe of [child.stdout, child.stderr]) {
    pipe.setEncoding("utf8").on("data", (chunk: string) => (said = (said + chunk).slice(-4000)));
  }
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve(status ?? 1));
  });
  if (code !== 0) throw new Error(`pg_prove ended with ${code}:\n${said}`);
  return performance.now() - started;
}
