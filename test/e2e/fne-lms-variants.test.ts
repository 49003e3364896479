import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { IssuesError } from "../../src/model/errors.ts";
import type { EmbeddedServer } from "../../src/target/embedded/server.ts";
import { startEmbedded } from "../../src/target/embedded/server.ts";
import { prove } from "../support/prove.ts";

/** What an overlay's head says that a run must find. */
interface Planted {
  readonly verdict: string;
  readonly persona: string;
  readonly relation: string;
  readonly operation: string;
  readonly channels: readonly ("direct" | "rest")[];
}

const root = path.resolve(import.meta.dirname, "../..");
const folder = path.join(root, "policies/fne-lms");
const good = numbered(folder)
  .map((file) => readFileSync(file, "utf8"))
  .join("\n");
const matrix = readFileSync(path.join(root, "matrices/fne-lms.yaml"), "utf8");
const variants = readdirSync(path.join(folder, "flawed"))
  .filter((name) => name.endsWith(".sql"))
  .map((name) => {
    const sql = readFileSync(path.join(folder, "flawed", name), "utf8");
    return {
      name: name.replace(/\.sql$/, ""),
      sql,
      finds: heads(sql, "finds").map((text) => parse(text) as Planted),
      names: heads(sql, "names"),
      exit: Number(heads(sql, "exit")[0]),
    };
  });

function numbered(at: string): string[] {
  return readdirSync(at)
    .filter((name) => /^\d+_.*\.sql$/.test(name))
    .toSorted()
    .map((name) => path.join(at, name));
}

function heads(sql: string, key: string): string[] {
  return [...sql.matchAll(new RegExp(`^-- ${key}: (.*)$`, "gm"))].map((match) => match[1] ?? "");
}

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server.stop();
});

test("the good state passes whole, on both channels", async () => {
  const { run, cells } = await prove({ server, sql: good, matrix });
  const failing = [...cells.values()]
    .filter(({ verdict }) => verdict !== "pass")
    .map(({ id, verdict }) => `${verdict} ${id}`);
  expect(failing).toEqual([]);
  expect(run.exitCode).toBe(0);
  expect(run.counts.byChannel.direct.pass).toBe(cells.size);
  expect(run.counts.byChannel.rest.pass).toBeGreaterThan(cells.size / 2);
});

describe("each flawed variant is found", () => {
  test("every overlay says what it plants", () => {
    expect(variants.length).toBeGreaterThan(15);
    for (const { name, finds, names, exit } of variants) {
      expect(finds.length + names.length, name).toBeGreaterThan(0);
      expect([1, 2], name).toContain(exit);
    }
  });

  test.each(variants)("$name", async ({ sql, finds, names, exit }) => {
    // The relations that the overlay touches are probed whole; the good state above probes all of them.
    const only = [...new Set(finds.map(({ relation }) => `*/${relation}/*`))];
    const found = await verdictsOf(`${good}\n${sql}`, only);
    expect(found.exit).toBe(exit);
    for (const name of names) expect(found.said).toContain(name);
    for (const { persona, relation, operation, verdict, channels } of finds) {
      const id = `${persona}/${relation}/${operation}`;
      expect(found.verdicts.get(id), id).toBe(verdict);
      for (const channel of channels)
        expect(found.verdicts.get(`${id} ${channel}`), `${id} ${channel}`).toBe(verdict);
    }
  });
});

/** Verdicts by cell and by cell and channel; a matrix that does not fit the database has none, and says why. */
async function verdictsOf(
  sql: string,
  only: readonly string[],
): Promise<{ exit: number; said: string; verdicts: Map<string, string> }> {
  try {
    const { run, cells } = await prove({ server, sql, matrix, only });
    const verdicts = [...cells.values()].flatMap(({ id, verdict, channels }) => [
      [id, verdict] as const,
      ...Object.entries(channels).map(([channel, judged]) => [`${id} ${channel}`, judged.verdict] as const),
    ]);
    const said = [...cells.values()].flatMap(({ channels }) =>
      Object.values(channels).map(({ because }) => because),
    );
    return { exit: run.exitCode, said: said.join("\n"), verdicts: new Map(verdicts) };
  } catch (error) {
    if (!(error instanceof IssuesError)) throw error;
    const said = error.issues.map(({ at, message }) => `${at.file}:${at.line}:${at.column} ${message}`);
    return { exit: 2, said: said.join("\n"), verdicts: new Map() };
  }
}
