import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { onTestFinished } from "vitest";

import type { ArchiveOptions, ArchiveWriter } from "../../../src/archive/write.ts";
import { openArchive } from "../../../src/archive/write.ts";
import type { Catalog } from "../../../src/model/catalog.ts";
import type { Recorded } from "../../fixtures/runs/build.ts";

/** A folder of the test's own, removed after it. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "rowgate-archive-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const startedAt: Date = new Date("2026-11-21T02:03:04Z");

export const catalog: Catalog = {
  serverVersion: "17.5",
  serverVersionNum: 170_005,
  database: "rowgate",
  login: {
    name: "postgres",
    superuser: true,
    bypassRls: true,
    canLogin: true,
    inherits: ["postgres"],
    mayBecome: [],
  },
  roles: [],
  relations: [],
  sessionFacts: [],
  routines: [],
};

/** Writes a whole archive. */
export async function archive(root: string, of: Recorded, options?: ArchiveOptions): Promise<string> {
  const writer = await openArchive(root, of.run.id, startedAt, options);
  return finish(writer, of);
}

export async function finish(writer: ArchiveWriter, { run, cells }: Recorded): Promise<string> {
  for (const cell of cells) await writer.cell(cell);
  await writer.catalog(catalog);
  return (await writer.finish(run)).archive;
}

/** Every file under a folder, dot files too: path → bytes as text. */
export function everyFile(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(folder, { recursive: true }).map(String);
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return new Map(files.map((name) => [name, readFileSync(join(folder, name), "latin1")]));
}
