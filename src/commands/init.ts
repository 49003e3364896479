import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Client } from "pg";
import { readCatalog } from "../catalog/catalog.ts";
import { whatIsAsked } from "../init/asked.ts";
import { castFrom, type Cast } from "../init/personas.ts";
import { makeRows, type MadeRows } from "../init/rows.ts";
import { type MatrixHead, matrixJson, type MatrixParts, matrixText } from "../init/text.ts";
import { now } from "../lib/clock.ts";
import { dayOf, elapsed } from "../lib/moment.ts";
import { readSql } from "../lib/sql-file.ts";
import { loadParser } from "../lib/sql-tree.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { parseMatrix } from "../matrix/parse.ts";
import { RowgateError } from "../model/errors.ts";
import type { Matrix } from "../model/matrix.ts";
import { Control } from "../probe/sql/baseline.ts";
import { readSchema } from "../prove/ask/read-schema.ts";
import type { ScanRole } from "../scan/matrix.ts";
import { personasWithUser } from "../stage/persona-users.ts";
import type { PreparedSystem } from "../stage/system.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { observe, type ObserveTask, type SystemFacts } from "./init-observe.ts";
import { isStarted } from "./options.ts";
import { asRunOptions, blank, type ScanOptions } from "./scan.ts";
import { startServer, type Server } from "./servers.ts";
import { baselineOf } from "./systems.ts";
import { type InitPlace, placeOf } from "./init-place.ts";

export type InitOptions = Omit<ScanOptions, "overlay" | "json">;

interface Task extends ObserveTask {
  readonly server: Server;
  readonly place: InitPlace;
}

/**
 * `rowgate init [folder]`: the first matrix of a system, as observed, and rows for what is empty. 0: the files were written; 2:
 * they were not.
 */
export async function initCommand(
  folder: string | undefined,
  given: InitOptions,
  environment: Environment,
): Promise<ExitCode> {
  const began = now();
  const options = asRunOptions({ ...given, overlay: [], json: false });
  const place = await placeOf(
    isStarted(options.target) ? folder : undefined,
    options.target,
    environment.cwd,
  );
  const baseline = await baselineOf({ policies: place.policies ?? "" }, options, environment.cwd);
  const server = await startServer(options, environment, {
    speaksRest: false,
    baselines: new Set(baseline === undefined ? [] : [baseline.name]),
  });
  environment.interrupted.addEventListener("abort", () => void server.stop().catch(() => {}), { once: true });
  const scratch = await mkdtemp(path.join(os.tmpdir(), "rowgate-init-"));
  try {
    const task = { server, place, options, environment, scratch };
    const { rows, cast, facts } = await look(task);
    const system = await prepare(task, "init", rows.statements, personasOf(facts, cast));
    const { parts, questions } = await observe(task, system, facts, cast);
    await write(task, { rows, cast, facts, parts, questions });
    environment.out.write(summary(task, { rows, cast, parts, questions }, elapsed(began, now())));
    return 0;
  } finally {
    await server.stop();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Reads the database without rows of ours, makes rows, finds out who is in them, and takes the rows back. */
async function look(task: Task): Promise<{ rows: MadeRows; cast: Cast; facts: SystemFacts }> {
  const system = await prepare(task, "look", [], undefined);
  const privileged = await Control.open(system.database, system.limits);
  try {
    await loadParser();
    return await privileged.ask("while users and relations were read", async (client) => {
      const facts = await readFacts(client);
      await client.query("begin");
      try {
        if (system.baseline !== undefined) await client.query("set local role postgres");
        const rows = isStarted(task.options.target)
          ? await makeRows({ client, schema: facts.schema, tables: tablesOf(facts), asked: facts.asked })
          : { statements: [], tables: [], refused: [] };
        const cast = await castFrom(client, facts.schema, facts.asked, facts.roles);
        return { rows, cast, facts };
      } finally {
        await client.query("rollback");
      }
    });
  } finally {
    await privileged.close();
  }
}

async function readFacts(client: Client): Promise<SystemFacts> {
  const { rows: roles } = await client.query<ScanRole>(readSql("scan_roles.sql"));
  const names = roles.map(({ name }) => name);
  const { rows: schemas } = await client.query<{ name: string }>(readSql("scan_schemas.sql"), [names]);
  const catalog = await readCatalog(
    client,
    schemas.map(({ name }) => name),
    names,
  );
  const schema = await readSchema(client);
  const users = roles.filter(({ above }) => !above).map(({ name }) => name);
  const declared = new Set(catalog.relations.map(formatQualified));
  const own = [...schema.relations].filter((one) => declared.has(formatQualified(one)));
  if (catalog.relations.length === 0 || !roles.some(({ holds }) => holds))
    throw new RowgateError({
      code: "init/nothing",
      message: "No role of users may use any relation of the database: there is nothing to declare.",
      hint: "check that the SQL was applied and that it grants something: on Supabase, to anon and authenticated",
    });
  return {
    catalog,
    schema,
    schemas: schemas.map(({ name }) => name),
    roles,
    asked: whatIsAsked(own, users, schema),
  };
}

function tablesOf({ catalog }: SystemFacts): ReadonlySet<string> {
  return new Set(
    catalog.relations
      .filter(({ kind, isPartition }) => (kind === "table" || kind === "partitioned") && !isPartition)
      .map(formatQualified),
  );
}

function personasOf({ schemas }: SystemFacts, { personas, tokens }: Cast): Matrix {
  const parts = { relations: [], personas, declared: new Map(), rows: new Map(), expires: "" };
  const text = JSON.parse(matrixJson({ exposes: schemas, tokens }, parts)) as Record<string, unknown>;
  return parseMatrix(
    JSON.stringify({ ...text, relations: { nothing: { expect: { "*": "deny" } } } }),
    "init",
    dayOf(now()),
  );
}

async function prepare(
  { server, place, options, environment, scratch }: Task,
  database: string,
  statements: readonly string[],
  matrix: Matrix | undefined,
): Promise<PreparedSystem> {
  const file = path.join(scratch, `${database}.sql`);
  await writeFile(file, statements.join("\n"));
  return server.prepare(
    {
      database,
      policies: place.policies ?? "",
      layout: options.layout,
      overlays: statements.length === 0 ? [] : [file],
      baseline: await baselineOf({ policies: place.policies ?? "" }, options, environment.cwd),
      users: matrix && personasWithUser(matrix),
      schemas: ["public"],
      gateway: "builtin",
      txEnd: "rollback-allow-override",
      jwtSecret: undefined,
      environment: environment.variables,
    },
    blank,
  );
}

interface Written {
  readonly rows: MadeRows;
  readonly cast: Cast;
  readonly parts: MatrixParts;
  readonly questions: MatrixHead["questions"];
}

async function write(
  task: Task,
  { rows, cast, facts, parts, questions }: Written & { facts: SystemFacts },
): Promise<void> {
  const { place } = task;
  if (rows.statements.length > 0) await writeNew(place.rows, rowsText(rows));
  const relative = (file: string): string =>
    path.relative(path.dirname(place.matrix), file).split(path.sep).join("/");
  const isUsual = place.policies === path.resolve(path.dirname(place.matrix), "..", "policies", place.name);
  const head: MatrixHead = {
    name: place.name,
    exposes: facts.schemas,
    tokens: cast.tokens,
    policies: place.policies === undefined || isUsual ? undefined : relative(place.policies),
    seed:
      rows.statements.length === 0 || path.dirname(place.rows) === place.policies
        ? undefined
        : relative(place.rows),
    questions,
  };
  await writeNew(place.matrix, matrixText(head, parts));
  if (!existsSync(place.config)) await writeNew(place.config, configText);
}

/** Never over what is there. */
async function writeNew(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text, { flag: "wx" });
}

function rowsText({ statements, refused }: MadeRows): string {
  return [
    "-- Written by `rowgate init`: rows for tables that are empty after the migrations, so that policies have something to decide.",
    "-- Only the database that rowgate starts gets them. Change them as you like.",
    ...refused.map(
      ({ relation, because }) => `-- ${relation} stays empty: ${because.replaceAll(/\s+/g, " ")}`,
    ),
    ...statements,
    "",
  ].join("\n");
}

const configText = `# yaml-language-server: $schema=https://unpkg.com/rowgate/rowgate.schema.json
# Targets that run already, for \`rowgate run --target <name>\`. The database that rowgate starts needs none.
#
# targets:
#   staging:
#     posture: staging
#     database: { url: '\${STAGING_DATABASE_URL}' }
targets: {}
`;

function summary(
  { place, environment }: Task,
  { rows, cast, parts, questions }: Written,
  milliseconds: number,
): string {
  const shown = (file: string): string => path.relative(environment.cwd, file);
  const waived = [...parts.declared.values()]
    .flatMap((by) => [...by.values()].flatMap((one) => [...one.values()]))
    .filter((one) => one.waived !== undefined).length;
  return [
    ...(questions.length === 0
      ? []
      : [
          "Intended?",
          ...questions.flatMap((lines, index) =>
            lines.map((line, at) => (at === 0 ? `  ${index + 1}. ${line}` : `     ${line}`)),
          ),
          "",
        ]),
    ...(rows.tables.length === 0
      ? []
      : [`${shown(place.rows)}: rows for ${rows.tables.length} empty tables`]),
    ...rows.refused.map(({ relation, because }) => `  ${relation} stays empty: ${because}`),
    `${shown(place.matrix)}: ${parts.relations.length} relations, ${cast.personas.length} personas, as observed${waived === 0 ? "" : `; ${waived} cells are waived, because no declaration fits them`}`,
    `in ${(milliseconds / 1000).toFixed(1)} s. An observation is no intention: answer the questions, correct the entries, and delete their lines \`observed: true\`.`,
    `next: rowgate run ${shown(place.matrix)}`,
    "",
  ].join("\n");
}
