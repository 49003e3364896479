import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { matrixYaml } from "../../bench/matrix-yaml.ts";
import { assertionCount, pgTapFile, pgTapSection } from "../../bench/pgtap-sql.ts";
import { plannedCells } from "../../bench/planned.ts";
import { cellsOf, fourOperations, personasOf, relationsOf } from "../../bench/shape.ts";
import { rolesSql, systemSql, usageSql } from "../../bench/system-sql.ts";
import { proveByHand } from "../../bench/five-step.ts";
import { now } from "../../src/lib/clock.ts";
import { parseMatrix } from "../../src/matrix/parse.ts";
import type { Cell } from "../../src/model/cell.ts";
import type { DatabaseAddress, Target } from "../../src/model/target.ts";
import { run } from "../../src/run.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { asSuperuser } from "../support/as-superuser.ts";
import { directTarget } from "../support/targets.ts";

// What is measured must be right first: a rate of wrong answers is no rate.
const shape = { personas: 10, relations: 2 };
let server: EmbeddedServer;
let folder: string;
let matrixFile: string;
let target: Target;

beforeAll(async () => {
  server = await startEmbedded();
  folder = mkdtempSync(path.join(tmpdir(), "rowgate-bench-test-"));
  matrixFile = path.join(folder, "bench.yaml");
  writeFileSync(matrixFile, matrixYaml(shape));
  const database = await server.createDatabase("bench");
  await asSuperuser(database, rolesSql, usageSql, systemSql(shape));
  target = directTarget(database, { name: "bench", posture: "embedded" });
});

afterAll(async () => {
  await server?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

describe("a generated system", () => {
  test("is half denied, three tenths row sets and two tenths allowed", async () => {
    const cells = await planned();
    const kinds = cells.map(({ expectation }) => expectation.kind);
    const share = (wanted: readonly string[]): number =>
      kinds.filter((kind) => wanted.includes(kind)).length / kinds.length;
    expect(cells).toHaveLength(cellsOf(shape));
    expect({
      deny: share(["deny"]),
      rows: share(["rows", "candidates"]),
      allow: share(["allow"]),
    }).toEqual({ deny: 0.5, rows: 0.3, allow: 0.2 });
  });

  test("passes in every cell", async () => {
    const { run: record } = await probed(matrixFile);
    expect(record.counts.cells).toBe(cellsOf(shape));
    expect(record.counts.byVerdict.pass).toBe(cellsOf(shape));
  });

  test("fails where its matrix says something else: its passes are no accident", async () => {
    const wrong = path.join(folder, "wrong.yaml");
    writeFileSync(wrong, matrixYaml(shape).replace("staffs: allow", "staffs: deny"));
    const { run: record } = await probed(wrong);
    const staff = personasOf(shape).filter((persona) => persona.class === "staff").length;
    expect(record.counts.byVerdict.leak).toBe(staff * 4);
  });
});

describe("what stands beside rowgate", () => {
  test("proves the same cells by hand", async () => {
    const client = new Client({ ...target.database, ssl: false });
    await client.connect();
    try {
      const hand = { client, roundTrips: 0 };
      const failed: string[] = [];
      for (const cell of await planned()) {
        if (!(await proveByHand(hand, cell, Number.MAX_SAFE_INTEGER))) failed.push(cell.id);
      }
      expect(failed).toEqual([]);
    } finally {
      await client.end();
    }
  });

  test.each(["allow", "deny"] as const)(
    "does not prove by hand that %s holds where it does not",
    async (kind) => {
      const client = new Client({ ...target.database, ssl: false });
      await client.connect();
      try {
        const hand = { client, roundTrips: 0 };
        for (const cell of (await planned()).filter(({ expectation }) => expectation.kind !== kind)) {
          const expectation = kind === "allow" ? { kind } : { kind, reason: undefined };
          const claimed: Cell = { ...cell, expectation };
          expect([cell.id, await proveByHand(hand, claimed, Number.MAX_SAFE_INTEGER)]).toEqual([
            cell.id,
            false,
          ]);
        }
      } finally {
        await client.end();
      }
    },
  );

  test("is SQL that Postgres takes, with as many assertions as its plan says", async () => {
    const cells = (await planned()).filter(({ relation }) => relation.info.name === relationsOf(shape)[0]);
    const section = pgTapSection(cells, [{ id: "1", owner: personasOf(shape)[1]?.sub ?? "" }]);
    const text = pgTapFile([section]);
    expect(text).toContain(`select plan(${assertionCount(section)});`);
    const database = await server.createDatabase("pgtap");
    await asSuperuser(database, usageSql, systemSql(shape), standIns);
    // psql's own command becomes the end of a plain statement.
    await asSuperuser(database, text.replaceAll(/ \\gset ignored_$/gm, ";"));
    expect(await asked(database)).toBe(assertionCount(section));
  });
});

/** pgTAP's functions as far as their arguments go: they run what they are given, and count. */
const standIns = `
  create schema tap;
  create sequence tap.asked;
  create function tap.plan(int) returns text language sql as 'select null::text';
  create function tap.finish() returns setof text language sql as 'select null::text';
  create function tap.counted(what text) returns text language plpgsql as $$
    begin
      perform nextval('tap.asked');
      begin
        execute what;
      exception when insufficient_privilege then null;
      end;
      return what;
    end $$;
  create function tap.results_eq(text, anyarray, text) returns text language sql as 'select tap.counted($1)';
  create function tap.results_eq(text, text, text) returns text language plpgsql as 'begin execute $2; return tap.counted($1); end';
  create function tap.is_empty(text, text) returns text language sql as 'select tap.counted($1)';
  create function tap.throws_ok(text, char(5), text, text) returns text language sql as 'select tap.counted($1)';
  grant usage on schema tap to public;
  grant usage on sequence tap.asked to public;
`;

async function asked(database: DatabaseAddress): Promise<number> {
  const client = new Client({ ...database, ssl: false });
  await client.connect();
  try {
    const { rows } = await client.query<{ n: string }>("select last_value as n from tap.asked");
    return Number(rows[0]?.n);
  } finally {
    await client.end();
  }
}

async function planned(): Promise<readonly Cell[]> {
  const found: Cell[] = [];
  for await (const cells of plannedCells(target, matrixFile, fourOperations, relationsOf(shape)))
    found.push(...cells);
  return found;
}

async function probed(file: string): ReturnType<typeof run> {
  return run({
    id: `${path.basename(file, ".yaml")}-${process.pid}`,
    startedAt: now(),
    matrix: parseMatrix(readFileSync(file, "utf8"), file, "2026-01-01"),
    target,
    inputs: [],
    filters: { only: [fourOperations], personas: [], channels: ["direct"] },
    logs: path.join(folder, "logs"),
    gitCommit: undefined,
    version: "test",
    startMs: 0,
    environment: {},
  });
}
