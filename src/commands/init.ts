import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { Client } from "pg";
import { readCatalog } from "../catalog/catalog.ts";
import { whatIsAsked } from "../init/asked.ts";
import { castFrom, type Cast } from "../init/personas.ts";
import { makeRows, type MadeRows } from "../init/rows.ts";
import { personasFrom } from "../init/extend.ts";
import { withPatterns } from "../plan/patterns.ts";
import { matrixJson } from "../init/text.ts";
import { now } from "../lib/clock.ts";
import { dayOf, elapsed } from "../lib/moment.ts";
import { readSql } from "../lib/sql-file.ts";
import { loadParser } from "../lib/sql-tree.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { parseMatrix } from "../matrix/parse.ts";
import { RowgateError } from "../model/errors.ts";
import type { Matrix } from "../model/matrix.ts";
import { Control } from "../probe/sql/baseline.ts";
import { KnownAnswers } from "../prove/known-answers.ts";
import { readSchema } from "../prove/ask/read-schema.ts";
import type { ScanRole } from "../scan/matrix.ts";
import { personasWithUser } from "../stage/persona-users.ts";
import { projectConfigOf } from "../stage/baseline.ts";
import { openedOnce, type PreparedSystem, type SystemOptions, systemSources } from "../stage/system.ts";
import type { Environment, ExitCode } from "./environment.ts";
import type { SystemFacts } from "./init-ask.ts";
import type { ObserveTask } from "./init-cells.ts";
import { observe } from "./init-observe.ts";
import { summary, write } from "./init-write.ts";
import { isStarted } from "./options.ts";
import { asRunOptions, blank, noFolder, type ScanOptions } from "./scan.ts";
import { startServer, type Server } from "./servers.ts";
import { baselineOf } from "./systems.ts";
import { type InitPlace, placeOf, requireWritable } from "./init-place.ts";

export type InitOptions = Omit<ScanOptions, "overlay" | "json" | "proof"> & { readonly within: number };

interface Task extends Omit<ObserveTask, "shared"> {
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
  // As a run asks by itself: a line that only the rows at hand have shown may fail there.
  const options = asRunOptions({ ...given, overlay: [], json: false, proof: "all-rows" });
  const place = await placeOf(
    isStarted(options.target) ? folder : noFolder(folder, options, "init"),
    options.target,
    environment.cwd,
    dayOf(began),
  );
  await requireWritable(place, environment.cwd);
  const baseline = await baselineOf({ policies: place.policies ?? "" }, options, environment.cwd);
  const server = await startServer(options, environment, {
    speaksRest: false,
    baselines: new Set(baseline === undefined ? [] : [baseline.name]),
  });
  environment.interrupted.addEventListener("abort", () => void server.stop().catch(() => {}), { once: true });
  const scratch = await mkdtemp(path.join(os.tmpdir(), "rowgate-init-"));
  try {
    const task = { server, place, options, environment, scratch, within: given.within * 1000 };
    // The migrations are applied once: what is looked at, and what is observed, are copies where there can be such.
    const base = await prepare(task, "base");
    const { rows, cast: found, facts } = await look(task, (await copied(task, base, "look")) ?? base);
    const cast = { ...found, tokens: found.tokens && (await speaksRest(task, base)) };
    if (facts.relations.length === 0) {
      environment.out.write(
        `${path.relative(environment.cwd, place.matrix)} declares every relation: nothing is new.\n`,
      );
      return 0;
    }
    const more = { statements: rows.statements, matrix: personasOf(facts, cast) };
    const system = (await copied(task, base, "init", more)) ?? (await prepare(task, "init", more));
    const copy = facts.isWhole ? await copied(task, system, "chains") : undefined;
    const shared = isStarted(options.target) ? { copy: copy?.database, known: new KnownAnswers() } : {};
    await using opened = openedOnce(system);
    const { parts, questions, ended } = await observe({ ...task, shared }, opened, facts, cast);
    await write(task, { rows, cast, facts, parts, questions });
    environment.out.write(summary(task, { rows, cast, parts, questions, ended }, elapsed(began, now())));
    return 0;
  } finally {
    await server.stop();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A target that runs already may have no PostgREST in front of it. */
async function speaksRest({ options }: Task, system: PreparedSystem): Promise<boolean> {
  if (isStarted(options.target)) return true;
  const opened = await system.open();
  try {
    return opened.target.rest !== undefined;
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}

/** Reads the database without rows of ours, makes rows, finds out who is in them, and takes the rows back. */
async function look(
  task: Task,
  system: PreparedSystem,
): Promise<{ rows: MadeRows; cast: Cast; facts: SystemFacts }> {
  const privileged = await Control.open(system.database, system.limits);
  try {
    await loadParser();
    return await privileged.ask("while users and relations were read", async (client) => {
      const { policies, known: before } = task.place;
      const config =
        policies === undefined ? undefined : await projectConfigOf(policies, task.environment.cwd);
      const facts = withoutKnown(await readFacts(client, config?.api?.schemas), before?.matrix);
      await client.query("begin");
      try {
        if (system.baseline !== undefined) await client.query("set local role postgres");
        const { schema, asked, roles } = facts;
        const lasting = await lastingUsers(task);
        const rows = isStarted(task.options.target)
          ? await makeRows({ client, schema, tables: tablesOf(facts), asked, lasts: lasting([]) })
          : noRows;
        const { known } = task.place;
        const cast =
          known === undefined
            ? await castFrom(client, schema, asked, roles, lasting(rows.statements), rows.signUp)
            : {
                personas: personasFrom(known.matrix),
                tokens: known.matrix.channels.includes("rest"),
                left: 0,
              };
        return { rows, cast, facts };
      } finally {
        await client.query("rollback");
      }
    });
  } finally {
    await privileged.close();
  }
}

/**
 * Whether a user is the same one whenever the SQL is applied: a uuid that no file says is made by a default, and is another one in the
 * database of the next run. A database that runs already keeps its users.
 */
async function lastingUsers(task: Task): Promise<(rows: readonly string[]) => (user: string) => boolean> {
  if (task.place.policies === undefined) return () => () => true;
  const sources = await systemSources(await systemOf(task, "base", seedOf(task), nothingMore));
  const sql = sources.map(({ text }) => text.toLowerCase());
  return (rows) => {
    const said = [...sql, ...rows.map((one) => one.toLowerCase())].join("\n");
    return (user) =>
      !/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(user) || said.includes(user.toLowerCase());
  };
}

const noRows: MadeRows = { statements: [], tables: [], refused: [], signUp: undefined };

/** @param listed what `config.toml` says that the API exposes */
async function readFacts(client: Client, listed: readonly string[] | undefined): Promise<SystemFacts> {
  const { rows: roles } = await client.query<ScanRole>(readSql("scan_roles.sql"));
  const names = roles.map(({ name }) => name);
  const { rows: schemas } = await client.query<{ name: string }>(readSql("scan_schemas.sql"), [names]);
  const found = schemas.map(({ name }) => name);
  // A schema of the API may hold functions alone.
  const api = listed?.filter((name) => !platformSchemas.has(name));
  const catalog = await readCatalog(client, [...new Set([...found, ...(api ?? [])])], names);
  const schema = await readSchema(client);
  const users = roles.filter(({ above }) => !above).map(({ name }) => name);
  // Of the platform's relations, those that the system has written policies for.
  const relations = catalog.relations.filter(
    (one) => !platformSchemas.has(one.schema) || one.policies.length > 0,
  );
  const declared = new Set(relations.map(formatQualified));
  const own = [...schema.relations].filter((one) => declared.has(formatQualified(one)));
  if (relations.length === 0 || !roles.some(({ holds }) => holds))
    throw new RowgateError({
      code: "init/nothing",
      message: "No role of users may use any relation of the database: there is nothing to declare.",
      hint: "check that the SQL was applied and that it grants something: on Supabase, to anon and authenticated",
    });
  const exposes = api ?? found.filter((name) => !platformSchemas.has(name));
  const asked = whatIsAsked(own, users, schema);
  return {
    catalog,
    schema,
    relations,
    exposes: exposes.length === 0 ? ["public"] : exposes,
    isWhole: true,
    roles,
    asked,
  };
}

/** What a matrix that is there declares or waives is its own business. */
function withoutKnown(facts: SystemFacts, known: Matrix | undefined): SystemFacts {
  if (known === undefined) return facts;
  const { relations, waivedRelations, exposes } = withPatterns(known, facts.catalog);
  const taken = new Set([...relations, ...waivedRelations].map(formatQualified));
  return {
    ...facts,
    exposes,
    isWhole: false,
    relations: facts.relations.filter((one) => !taken.has(formatQualified(one))),
  };
}

const platformSchemas: ReadonlySet<string> = new Set([
  "auth",
  "storage",
  "realtime",
  "vault",
  "cron",
  "net",
  "extensions",
  "graphql_public",
]);

function tablesOf({ relations }: SystemFacts): ReadonlySet<string> {
  return new Set(
    relations
      .filter(({ kind, isPartition }) => (kind === "table" || kind === "partitioned") && !isPartition)
      .map(formatQualified),
  );
}

function personasOf({ exposes }: SystemFacts, { personas, tokens }: Cast): Matrix {
  const parts = {
    relations: [],
    personas,
    declared: new Map(),
    rows: new Map(),
    keys: new Map(),
    raises: new Map(),
    calls: [],
    functions: [],
    expires: "",
  };
  const text = JSON.parse(matrixJson({ exposes, tokens }, parts)) as Record<string, unknown>;
  return parseMatrix(
    JSON.stringify({ ...text, relations: { nothing: { expect: { "*": "deny" } } } }),
    "init",
    dayOf(now()),
  );
}

/** What a database of init holds besides the system's SQL. */
interface More {
  readonly statements: readonly string[];
  /** Its personas become users. */
  readonly matrix: Matrix | undefined;
}

const nothingMore: More = { statements: [], matrix: undefined };

async function prepare(task: Task, database: string, more: More = nothingMore): Promise<PreparedSystem> {
  return task.server.prepare(await systemOf(task, database, seedOf(task), more), blank);
}

function seedOf({ place: { known } }: Task): readonly string[] {
  return known?.seed === undefined ? [] : [known.seed];
}

async function copied(
  task: Task,
  of: PreparedSystem,
  database: string,
  more: More = nothingMore,
): Promise<PreparedSystem | undefined> {
  return task.server.copy?.(of, await systemOf(task, database, [], more));
}

async function systemOf(
  { place, options, environment, scratch }: Task,
  database: string,
  overlays: readonly string[],
  { statements, matrix }: More,
): Promise<SystemOptions> {
  const file = path.join(scratch, `${database}.sql`);
  await writeFile(file, statements.join("\n"));
  return {
    database,
    policies: place.policies ?? "",
    layout: options.layout,
    overlays: statements.length === 0 ? overlays : [...overlays, file],
    baseline: await baselineOf({ policies: place.policies ?? "" }, options, environment.cwd),
    users: matrix && personasWithUser(matrix),
    schemas: matrix?.exposes ?? ["public"],
    gateway: "builtin",
    txEnd: "rollback-allow-override",
    jwtSecret: undefined,
    environment: environment.variables,
  };
}
