import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { Client } from "pg";
import { newRunId } from "../archive/id.ts";
import { readCatalog } from "../catalog/catalog.ts";
import { now } from "../lib/clock.ts";
import { dateSince, dayOf, elapsed } from "../lib/moment.ts";
import { once } from "../lib/once.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { readSql } from "../lib/sql-file.ts";
import { loadParser } from "../lib/sql-tree.ts";
import { parseMatrix } from "../matrix/parse.ts";
import type { AccessMap } from "../model/access-map.ts";
import { RowgateError } from "../model/errors.ts";
import type { RelationInfo } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { Matrix } from "../model/matrix.ts";
import { Control } from "../probe/sql/baseline.ts";
import { scanHtml } from "../report/scan-html.ts";
import { scanText } from "../report/scan-text.ts";
import { safeJson } from "../report/text.ts";
import { gatewayOf, type RunRequest } from "../run/request.ts";
import { preflightRun, run } from "../run.ts";
import { accessMap, type ScannedCell } from "../scan/access-map.ts";
import { type FunctionBody, whatPoliciesAsk } from "../scan/identity.ts";
import { type Cast, castOf, scanMatrix, type ScanRole } from "../scan/matrix.ts";
import { findUsers } from "../scan/users.ts";
import type { PreparedSystem } from "../stage/system.ts";
import type { Environment, ExitCode, TextSink } from "./environment.ts";
import { isStarted, type RunOptions, runOnly } from "./options.ts";
import { looks } from "./report.ts";
import { startServer } from "./servers.ts";
import { baselineOf, readProvenance } from "./systems.ts";

export type ScanOptions = Pick<
  RunOptions,
  | "target"
  | "config"
  | "overrideProductionGuard"
  | "baseline"
  | "defaultPrivileges"
  | "layout"
  | "standIns"
  | "postgresBin"
  | "postgresImage"
  | "postgrestImage"
  | "reuse"
  | "overlay"
  | "proof"
  | "report"
  | "quiet"
  | "json"
>;

/**
 * `rowgate scan [folder]`: who can do what, without a matrix. Everything is declared denied, and the run of that shows what is
 * not: one engine, and nothing that it says is a verdict. 0: the map was made; 2: it was not.
 */
export async function scanCommand(
  folder: string | undefined,
  options: ScanOptions,
  environment: Environment,
): Promise<ExitCode> {
  const began = now();
  const given = asRunOptions(options);
  const reports = options.report.map((one) => path.resolve(environment.cwd, htmlFile(one)));
  const policies = isStarted(options.target)
    ? await sqlFolder(folder, environment.cwd)
    : noFolder(folder, options, "scan");
  const baseline =
    policies === undefined ? undefined : await baselineOf({ policies }, given, environment.cwd);
  const server = await startServer(given, environment, {
    speaksRest: false,
    baselines: new Set(baseline === undefined ? [] : [baseline.name]),
  });
  const stop = (): void => void server.stop().catch(() => {});
  environment.interrupted.addEventListener("abort", stop, { once: true });
  const logs = await mkdtemp(path.join(os.tmpdir(), "rowgate-scan-"));
  try {
    const system = await server.prepare(
      {
        database: "scan",
        policies: policies ?? "",
        layout: options.layout,
        overlays: options.overlay.map((file) => path.resolve(environment.cwd, file)),
        baseline,
        schemas: ["public"],
        gateway: "builtin",
        txEnd: "rollback-allow-override",
        jwtSecret: undefined,
        environment: environment.variables,
      },
      blank,
    );
    const { map, cast } = await scan(system, logs, given, environment);
    const facts = {
      target: policies === undefined ? options.target : path.relative(environment.cwd, policies) || ".",
      milliseconds: elapsed(began, now()),
      usersLeft: cast.left,
      skipped: system.baseline?.skipped.length ?? 0,
      standIns: system.baseline?.standIns ?? [],
    };
    const shown = options.json
      ? `${safeJson({ ...facts, ...asJson(map) })}\n`
      : scanText(map, facts, { ...looks(environment), quiet: options.quiet });
    environment.out.write(shown);
    for (const file of reports) await writeFile(file, await scanHtml(map, facts));
    return 0;
  } finally {
    await server.stop();
    await rm(logs, { recursive: true, force: true });
  }
}

/** `html=map.html`: the only format besides --json. */
function htmlFile(given: string): string {
  const file = /^html=(.+)$/s.exec(given)?.[1];
  if (file !== undefined) return file;
  throw new RowgateError({
    code: "usage/report",
    message: `--report ${given}: a scan is reported as html=<file>.`,
    hint: "for example --report html=map.html; --json prints the map as data",
  });
}

async function scan(
  system: PreparedSystem,
  logs: string,
  options: RunOptions,
  environment: Environment,
): Promise<{ readonly map: AccessMap; readonly cast: Cast }> {
  const { matrix, cast } = await makeMatrix(system, dayOf(now()));
  const { cells } = await probeAll(
    system,
    { matrix, tokens: cast.tokens, only: [], logs },
    options,
    environment,
  );
  const personas = cast.personas.map(({ name, standing, is }) => ({ name, standing, is }));
  return { map: accessMap(cells, personas), cast };
}

/** What a whole run of `init` finds is written down: a chain that only a later run meets would fail it. */
const searchedLonger = 1.5;

/** Of several runs of one database that only they change, for which this one is made. */
export type SharedByRuns = Pick<RunRequest, "copy" | "known" | "examines">;

/** Cells of a run that nothing is made of but these: no archive stays, and nothing is searched for beside them. */
export async function probeAll(
  system: PreparedSystem,
  {
    matrix,
    tokens,
    only,
    logs,
    whole = false,
    copy,
    known,
    examines,
  }: {
    readonly matrix: Matrix;
    readonly tokens: boolean;
    readonly only: readonly string[];
    readonly logs: string;
    /** With everything that a run looks for beside its cells. */
    readonly whole?: boolean;
  } & SharedByRuns,
  options: RunOptions,
  environment: Environment,
): Promise<{ readonly cells: readonly ScannedCell[]; readonly findings: readonly Finding[] }> {
  const startedAt = now();
  const opened = await system.open();
  try {
    const target = {
      ...opened.target,
      rest: tokens ? opened.target.rest : undefined,
      schemas: matrix.exposes,
    };
    const filters = { only, personas: [], channels: options.channel };
    const about = { matrix, filters, database: system.database, limits: system.limits, known };
    const preflighted = await preflightRun({ ...about, gateway: gatewayOf(target) });
    const cells: ScannedCell[] = [];
    const byStandIn = new Set(
      preflighted.work
        .filter(({ relation }) => relation.facts?.some(({ kind }) => kind === "stand-in"))
        .map(({ spec }) => formatQualified(spec)),
    );
    const progress = showCount(environment.err, options.quiet || options.json, preflighted.cells);
    const { run: made } = await run(
      {
        ...about,
        id: newRunId(dateSince(startedAt, now())),
        startedAt,
        target,
        inputs: [],
        origins: once(async () =>
          (await system.origins()).map((one) => ({ ...one, file: path.relative(environment.cwd, one.file) })),
        ),
        logs,
        proof: options.proof,
        arguments: whole ? undefined : "declared",
        columns: "listed",
        escalation: whole ? { times: searchedLonger } : "off",
        copy,
        examines,
        ...(await readProvenance(environment.cwd)),
        startMs: 0,
        environment: environment.variables,
        interrupted: environment.interrupted,
      },
      {
        cell: (record, proof) =>
          progress(
            cells.push({ record, proof, byStandIn: byStandIn.has(`${record.schema}.${record.relation}`) }),
          ),
      },
      preflighted,
    ).finally(() => progress(undefined));
    return { cells, findings: made.findings };
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}

/** How many statements' places were tried: verdicts would say the wrong thing, since nothing was declared. */
function showCount(sink: TextSink, silent: boolean, total: number): (done: number | undefined) => void {
  if (silent || !sink.isTerminal) return () => {};
  return (done) => sink.write(done === undefined ? "\r\u001B[K" : `\r${done} of ${total} places tried`);
}

/** Reads who there is and what there is, and declares all of it denied. */
async function makeMatrix(
  { database, limits }: PreparedSystem,
  today: string,
): Promise<{ readonly matrix: Matrix; readonly cast: Cast }> {
  const privileged = await Control.open(database, limits);
  try {
    const { relations, cast } = await privileged.ask("while users and relations were read", readSystem);
    if (relations.length === 0 || cast.personas.length === 0)
      throw new RowgateError({
        code: "scan/nothing",
        message: `No role of users may use any relation of the database ${database.database}: there is nothing to map.`,
        hint: "check that the SQL was applied and that it grants something: on Supabase, to anon and authenticated",
      });
    return { matrix: parseMatrix(scanMatrix(relations, cast), "scan", today), cast };
  } finally {
    await privileged.close();
  }
}

async function readSystem(
  client: Client,
): Promise<{ readonly relations: readonly RelationInfo[]; readonly cast: Cast }> {
  const { rows: roles } = await client.query<ScanRole>(readSql("scan_roles.sql"));
  const names = roles.map(({ name }) => name);
  const { rows: schemas } = await client.query<{ name: string }>(readSql("scan_schemas.sql"), [names]);
  const { relations } = await readCatalog(
    client,
    schemas.map(({ name }) => name),
    names,
  );
  const { rows: functions } = await client.query<FunctionBody>(readSql("scan_functions.sql"));
  await loadParser();
  const asked = whatPoliciesAsk(relations, functions);
  return { relations, cast: castOf(roles, await findUsers(client, asked), asked.claims) };
}

/** What is not asked of a scan is as a run has it; only the direct channel is asked, which sees rows and policies. */
export function asRunOptions(options: ScanOptions): RunOptions {
  return { ...runOnly, ...options, channel: ["direct"], policies: undefined, verbose: false };
}

/** A placeholder for the matrix until the catalogue has been read. */
export const blank: Matrix = {
  name: "scan",
  file: "scan",
  sha256: "",
  schema: "public",
  exposes: ["public"],
  exposesAt: { file: "scan", line: 1, column: 1 },
  channels: ["direct", "rest"],
  policies: undefined,
  vars: {},
  personas: [],
  relations: [],
  functions: [],
  waivedRelations: [],
};

/** Where a project's SQL is when nothing is said. */
const usualFolder = "supabase/migrations";

async function sqlFolder(given: string | undefined, cwd: string): Promise<string> {
  const folder = path.resolve(cwd, given ?? usualFolder);
  await access(folder).catch((cause: unknown) => {
    throw new RowgateError({
      code: "scan/no-folder",
      message:
        given === undefined
          ? `No folder was named, and there is no ${usualFolder} in ${cwd}.`
          : `There is no folder ${given}.`,
      hint: "name the folder with the system's SQL: rowgate scan path/to/migrations; or a running database: --target <name>",
      cause,
    });
  });
  return folder;
}

export function noFolder(
  given: string | undefined,
  { target }: Pick<ScanOptions, "target">,
  command: "scan" | "init",
): undefined {
  if (given === undefined) return undefined;
  throw new RowgateError({
    code: "usage/not-remote",
    message: `A folder of SQL is for targets that rowgate starts: ${target} is taken as it is, and no SQL is applied to it.`,
    hint: `rowgate ${command} --target ${target}, or rowgate ${command} ${given} without --target`,
  });
}

function asJson({ personas, relations, questions }: AccessMap): object {
  return {
    personas,
    relations: relations.map((one) => ({ ...one, personas: Object.fromEntries(one.personas) })),
    questions,
  };
}
