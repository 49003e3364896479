import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, DatabaseError, type QueryResult } from "pg";
import { parse, parseDocument } from "yaml";
import { IssuesError } from "../../../src/model/errors.ts";
import { type Finding, isChain } from "../../../src/model/finding.ts";
import type { CellRecord } from "../../../src/model/run.ts";
import type { DatabaseAddress } from "../../../src/model/target.ts";
import { gridText, withGrid } from "../../../src/report/page.ts";
import type { EmbeddedServer } from "../../../src/stage/postgres/server.ts";
import { startEmbedded } from "../../../src/stage/postgres/server.ts";
import { databaseOf, type Proved, prove, type ProveOptions } from "../../support/prove.ts";
import { everyJunitReportIsValid, everyReportAgrees } from "../../support/every-report.ts";

/** What an overlay's head says that a run must find. */
interface Planted {
  readonly verdict: string;
  readonly persona: string;
  readonly relation: string;
  readonly operation: string;
  /** A cell of one column. */
  readonly column?: string;
  readonly channels: readonly ("direct" | "rest")[];
}

/** One file of `policies/<system>/flawed/`: SQL under a head of `-- key: value` lines. */
interface Variant {
  readonly name: string;
  readonly sql: string;
  readonly finds: readonly Planted[];
  /** Texts that the run, or the error that stops it, must say. */
  readonly names: readonly string[];
  /** Relations that the flaw adds, as the matrix would declare them: a second run declares them, and finds. */
  readonly declares: Readonly<Record<string, unknown>> | undefined;
  /** Chains that a run finds with {@link chainsTried}, as `<kind> <persona>: <steps> → <one of what they open>`. */
  readonly chains: readonly string[];
  readonly exit: number;
}

/** One-step chains: fewer than a default run tries of the system, on a machine that is not busy. The same on every machine. */
const chainsTried: Readonly<Record<string, number>> = { helios: 1_000 };
const chainsOfOthers = 2_000;

const root = path.resolve(import.meta.dirname, "../../..");
const systems = readdirSync(path.join(root, "matrices"))
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => systemOf(name.replace(/\.yaml$/, "")));

interface System {
  readonly name: string;
  readonly matrix: string;
  /** The numbered SQL, in order. */
  readonly good: string;
  readonly variants: readonly Variant[];
}

function systemOf(name: string): System {
  const folder = path.join(root, "policies", name);
  const flawed = path.join(folder, "flawed");
  return {
    name,
    matrix: readFileSync(path.join(root, "matrices", `${name}.yaml`), "utf8"),
    good: sqlFiles(folder)
      .map((file) => readFileSync(path.join(folder, file), "utf8"))
      .join("\n"),
    variants: existsSync(flawed)
      ? sqlFiles(flawed).map((file) =>
          variantOf(file.replace(/\.sql$/, ""), readFileSync(path.join(flawed, file), "utf8")),
        )
      : [],
  };
}

function sqlFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .toSorted();
}

function variantOf(name: string, sql: string): Variant {
  return {
    name,
    sql,
    finds: heads(sql, "finds").map((text) => parse(text) as Planted),
    names: heads(sql, "names"),
    declares: heads(sql, "declares").map((text) => parse(text) as Record<string, unknown>)[0],
    chains: heads(sql, "chain"),
    exit: Number(heads(sql, "exit")[0]),
  };
}

function heads(sql: string, key: string): string[] {
  return [...sql.matchAll(new RegExp(`^-- ${key}: (.*)$`, "gm"))].map((match) => match[1] ?? "");
}

let server: EmbeddedServer;

/**
 * Tests of every `shards`-th system's good state and of every `shards`-th overlay, counted over all systems: a file a shard, so that
 * workers run beside each other, each with a server of its own (some overlays change roles, which belong to the server).
 */
export function testVariants(shard: number, shards: number): void {
  beforeAll(async () => {
    server = await startEmbedded();
  });
  afterAll(async () => {
    await server.stop();
  });
  const isOwn = (_: unknown, index: number): boolean => index % shards === shard;
  const own = new Set(systems.flatMap(({ variants }) => variants).filter(isOwn));
  describe.each(systems.filter(isOwn))("$name: the good state", (system) => {
    testGood(system);
  });
  describe.each(systems)("$name", ({ variants, ...system }) => {
    testFlawed({ ...system, variants: variants.filter((one) => own.has(one)) });
  });
  test("the JUnit reports of all these runs fit the schema of Jenkins", async () => {
    await expect(everyJunitReportIsValid()).resolves.toBeUndefined();
  });
}

function testGood({ name: system, good, matrix, variants }: System): void {
  let proved: Proved;
  beforeAll(async () => {
    proved = await prove({ server, sql: good, matrix, proof: "all-rows" });
  });

  test("the good state passes whole, on every channel", () => {
    const { run, cells } = proved;
    const failing = [...cells.values()]
      .filter(({ verdict }) => verdict !== "pass")
      .map(({ id, verdict }) => `${verdict} ${id}`);
    expect(failing).toEqual([]);
    expect(run.exitCode).toBe(0);
    expect(run.counts.byChannel.direct.pass).toBe(cells.size);
    const { channels = ["direct", "rest"] } = parse(matrix) as { channels?: string[] };
    expect(run.target.rest !== undefined).toBe(channels.includes("rest"));
    expect(run.counts.byChannel.rest.pass > cells.size / 2).toBe(channels.includes("rest"));
  });

  test("a run leaves every table as it was, what its triggers write included", () => {
    const { fingerprints, relations } = proved.run;
    const probed = relations.filter((name) => fingerprints.some(({ relation }) => relation === name));
    expect(probed.length).toBeGreaterThan(relations.length / 2);
    for (const { relation, before, after } of fingerprints) expect(after, relation).toEqual(before);
  });

  test("the system's page shows the grid of that run (`npm run docs` writes it)", async () => {
    const file = `docs/systems/${system}.md`;
    const page = readFileSync(path.join(root, file), "utf8");
    expect(page).toBe(withGrid(page, await gridText(proved.run, proved.cells.values()), file));
  });

  test("each of its reports agrees with the run, and fits its schema", async () => {
    const recorded = { run: proved.run, cells: [...proved.cells.values()] };
    await expect(everyReportAgrees(recorded)).resolves.toBeUndefined();
  });

  test("every overlay says what it plants, and the system's page what it teaches", () => {
    expect(variants.length).toBeGreaterThan(0);
    const page = readFileSync(path.join(root, `docs/systems/${system}.md`), "utf8");
    for (const { name, sql, finds, names, exit } of variants) {
      expect(heads(sql, "variant"), name).toEqual([name]);
      expect(heads(sql, "teaches"), name).toHaveLength(1);
      expect(finds.length + names.length, name).toBeGreaterThan(0);
      expect([1, 2], name).toContain(exit);
      expect(page).toContain(`\`${name}\``);
    }
  });
}

function testFlawed({ name: system, good, matrix, variants }: System): void {
  let template: string;
  beforeAll(async () => {
    template = await databaseOf(server, good);
  });

  test.each(variants)("$name", async ({ sql, finds, names, declares, chains, exit }) => {
    // The relations that the overlay touches are probed whole; the good state above probes all of them. What a chain opens may be anything.
    const only = chains.length > 0 ? [] : [...new Set(finds.map(({ relation }) => `*/${relation}/*`))];
    const escalation = chains.length > 0 ? { chains: chainsTried[system] ?? chainsOfOthers } : "off";
    // Roles belong to the server: where the system's SQL sets them up, it undoes what the last overlay did to them.
    const state = /\b(create|alter) role\b/i.test(good) ? { sql: `${good}\n${sql}` } : { template, sql };
    const undeclared = declares && (await verdictsOf({ ...state, matrix, only: [] }));
    const found = await verdictsOf({ ...state, matrix: withRelations(matrix, declares), only, escalation });
    expect([found.exit, undeclared?.exit ?? exit]).toEqual([exit, exit]);
    expect(found.chains).toEqual(expect.arrayContaining([...chains]));
    for (const name of names) expect((undeclared ?? found).said).toContain(name);
    for (const { id, seen, reached } of found.byHand) expect(seen, `${id} by hand`).toBe(reached);
    for (const { persona, relation, operation, column, verdict, channels } of finds) {
      const id = [persona, relation, operation, column].filter((part) => part !== undefined).join("/");
      expect(found.verdicts.get(id), id).toBe(verdict);
      // On every channel that can see it: a head that leaves one out would let that channel go blind unnoticed.
      const seen = ["direct", "rest"].filter((one) => found.verdicts.get(`${id} ${one}`) === verdict);
      expect(seen, id).toEqual(channels);
    }
  });
}

function withRelations(matrix: string, added: Readonly<Record<string, unknown>> | undefined): string {
  if (added === undefined) return matrix;
  const document = parseDocument(matrix);
  for (const [name, spec] of Object.entries(added)) document.setIn(["relations", name], spec);
  return document.toString();
}

/** Verdicts by cell and by cell and channel; a matrix that does not fit the database has none, and says why. */
async function verdictsOf(
  options: Pick<ProveOptions, "template" | "sql" | "matrix" | "only" | "escalation">,
): Promise<{
  exit: number;
  said: string;
  chains: readonly string[];
  verdicts: Map<string, string>;
  byHand: readonly ByHandRows[];
}> {
  try {
    const { run, cells, database } = await prove({ server, ...options });
    const verdicts = [...cells.values()].flatMap(({ id, verdict, channels }) => [
      [id, verdict] as const,
      ...Object.entries(channels).map(([channel, judged]) => [`${id} ${channel}`, judged.verdict] as const),
    ]);
    const said = [
      ...run.findings.map(({ kind, ...about }) => [kind, ...Object.values(about)].join(" ")),
      ...[...cells.values()].flatMap(({ channels }) => Object.values(channels).map(({ because }) => because)),
    ];
    await everyReportAgrees({ run, cells: [...cells.values()] });
    const byHand = await pastedByHand([...cells.values()], database);
    const chains = run.findings.flatMap(chainsOf);
    return { exit: run.exitCode, said: said.join("\n"), chains, verdicts: new Map(verdicts), byHand };
  } catch (error) {
    if (!(error instanceof IssuesError)) throw error;
    const said = error.issues.map(({ at, message }) => `${at.file}:${at.line}:${at.column} ${message}`);
    return { exit: 2, said: said.join("\n"), chains: [], verdicts: new Map(), byHand: [] };
  }
}

function chainsOf(finding: Finding): readonly string[] {
  if (!isChain(finding)) return [];
  const { kind, personas, steps, gains } = finding;
  return personas.flatMap((persona) =>
    gains.map(({ what }) => `${kind} ${persona}: ${steps.join(", then ")} → ${what}`),
  );
}

/** What a person sees who pastes a cell's block into psql, and what the direct channel saw. */
interface ByHandRows {
  readonly id: string;
  readonly seen: number | string | undefined;
  readonly reached: number | undefined;
}

const countsRows: ReadonlySet<string> = new Set(["select", "delete", "blind_delete"]);
/** The block itself is wrong: a syntax error, or a name that is not there. */
const wrongBlock: ReadonlySet<string | undefined> = new Set(["42601", "42703", "42704", "22023"]);

/** A few cells that leaked or were locked out, each of another operation, pasted into a session of its own. */
async function pastedByHand(
  cells: readonly CellRecord[],
  database: DatabaseAddress,
): Promise<readonly ByHandRows[]> {
  const wrong = cells.filter(
    ({ column, reproduce: byHand, channels: { direct } }) =>
      column === undefined && byHand !== undefined && /leak|lockout/.test(direct?.verdict ?? ""),
  );
  const each = [...new Map(wrong.map((cell) => [cell.operation, cell])).values(), ...wrong.slice(0, 2)];
  const shown: ByHandRows[] = [];
  for (const cell of each) {
    const client = new Client({ ...database, ssl: false });
    await client.connect();
    try {
      shown.push({ id: cell.id, ...compared(cell, await lastResult(client, cell.reproduce?.psql ?? "")) });
    } finally {
      await client.end();
    }
  }
  return shown;
}

function compared(
  { operation, channels: { direct } }: CellRecord,
  result: QueryResult | string | undefined,
): Omit<ByHandRows, "id"> {
  const seen = direct?.observation;
  if (typeof result === "string")
    return { seen: wrongBlock.has(result) ? result : undefined, reached: undefined };
  const whole = seen?.kind === "rows" && seen.method === "whole" && seen.answer.code === null;
  if (!countsRows.has(operation) || !whole) return { seen: undefined, reached: undefined };
  // A new session is one in which nothing was ever set.
  const fresh = seen.states.find(({ state }) => state === "never set");
  return { seen: result?.rowCount ?? undefined, reached: fresh?.affected ?? seen.affected };
}

/** What the statement before `rollback` came to; of an error, its SQLSTATE. */
async function lastResult(client: Client, psql: string): Promise<QueryResult | string | undefined> {
  try {
    const results: unknown = await client.query(psql);
    return (results as QueryResult[]).at(-2);
  } catch (error) {
    return error instanceof DatabaseError ? error.code : String(error);
  }
}
