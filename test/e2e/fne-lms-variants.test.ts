import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { IssuesError } from "../../src/model/errors.ts";
import type { EmbeddedServer } from "../../src/target/embedded/server.ts";
import { startEmbedded } from "../../src/target/embedded/server.ts";
import { type Proved, prove } from "../support/prove.ts";

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
    const outcome = await prove({ server, sql: `${good}\n${sql}`, matrix, only }).catch(
      (error: unknown) => error,
    );
    if (outcome instanceof IssuesError) {
      const said = outcome.issues.map(({ message }) => message).join("\n");
      expect(exit).toBe(2);
      for (const name of names) expect(said).toContain(name);
      for (const { at } of outcome.issues) expect(at.line).toBeGreaterThan(1);
      return;
    }
    if (outcome instanceof Error) throw outcome;
    const { run, cells } = outcome as Proved;
    expect(run.exitCode).toBe(exit);
    for (const planted of finds) {
      const id = `${planted.persona}/${planted.relation}/${planted.operation}`;
      const cell = cells.get(id);
      expect(cell?.verdict, id).toBe(planted.verdict);
      for (const channel of planted.channels) {
        expect(cell?.channels[channel]?.verdict, `${id} on ${channel}`).toBe(planted.verdict);
      }
    }
    const texts = [...cells.values()]
      .flatMap(({ channels }) => Object.values(channels).map(({ because }) => because))
      .join("\n");
    for (const name of names) expect(texts).toContain(name);
  });
});
