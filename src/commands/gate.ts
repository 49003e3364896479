import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { type Applicant, commitEnumValues, type PendingStatement, readPending } from "../gate/migrations.ts";
import { gate } from "../gate/gate.ts";
import { now } from "../lib/clock.ts";
import { dayOf } from "../lib/moment.ts";
import { channels } from "../model/cell.ts";
import { RowgateError } from "../model/errors.ts";
import { gateExitCode, type GateRecord } from "../model/gate.ts";
import { connect, disconnect } from "../probe/sql/session.ts";
import { gateText } from "../report/gate.ts";
import { gateAnnotations, gateMarkdown } from "../report/gate-markdown.ts";
import { safeJson } from "../report/text.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { type LoadedMatrix, loadMatrices } from "./load-matrix.ts";
import { isStarted, type RunOptions } from "./options.ts";
import { looks } from "./report.ts";
import { startServer } from "./servers.ts";
import { baselineOf, openSystem, type System } from "./systems.ts";

export interface GateOptions extends Pick<
  RunOptions,
  | "target"
  | "config"
  | "policies"
  | "overlay"
  | "baseline"
  | "defaultPrivileges"
  | "postgresImage"
  | "quiet"
  | "verbose"
  | "json"
> {
  readonly matrix: readonly string[];
  readonly onSharedTarget: boolean;
  readonly requireComplete: boolean;
  /** `<format>=<file>` each. */
  readonly report: readonly string[];
}

const formats: Readonly<Record<string, (record: GateRecord) => string>> = {
  terminal: (record) => gateText(record, { width: 100, colour: false, quiet: false, verbose: true }),
  json: (record) => `${safeJson(record)}\n`,
  markdown: gateMarkdown,
  github: gateAnnotations,
};

/** @throws RowgateError `usage/report` */
function reportOf(given: string): { readonly format: string; readonly file: string } {
  const [format = "", ...file] = given.split("=");
  if (formats[format] !== undefined && file.join("=") !== "") return { format, file: file.join("=") };
  throw new RowgateError({
    code: "usage/report",
    message: `--report ${given}: this is not <format>=<file> with a format of ${Object.keys(formats).join(", ")}.`,
    hint: "for a pull request's comment: --report markdown=out/gate.md",
  });
}

async function writeReport(format: string, file: string, record: GateRecord): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, formats[format]?.(record) ?? "");
}

/** `rowgate gate <migration.sql>…|<folder>`: 0 where access does not widen but as the matrix says, 1 where it does, 2 where that is not known. */
export async function gateCommand(
  given: readonly string[],
  options: GateOptions,
  environment: Environment,
): Promise<ExitCode> {
  const { cwd } = environment;
  const whole = { ...notForGates, ...options };
  const loaded = oneMatrix(
    await loadMatrices(
      options.matrix,
      cwd,
      dayOf(now()),
      isStarted(options.target) && options.policies === undefined,
    ),
  );
  const reports = options.report.map(reportOf);
  const files = await migrationFiles(given, cwd);
  const baseline = await baselineOf(loaded, whole, cwd);
  const server = await startServer(whole, environment, {
    speaksRest: loaded.matrix.channels.includes("rest"),
    baselines: new Set(baseline === undefined ? [] : [baseline.name]),
  });
  environment.interrupted.addEventListener("abort", () => void server.stop().catch(() => {}), { once: true });
  try {
    const system = await openSystem(loaded, 0, false, { server, options: whole, environment });
    const record = await gateOne(system, files, {
      options,
      environment,
      applicant: baseline?.name === "supabase" ? "supabase" : "login",
    });
    environment.annotate?.(gateAnnotations(record));
    for (const { format, file } of reports) await writeReport(format, path.resolve(cwd, file), record);
    environment.out.write(
      options.json ? `${safeJson(record)}\n` : gateText(record, { ...looks(environment), ...options }),
    );
    return gateExitCode(record);
  } finally {
    await server.stop();
  }
}

/** What a run may be asked for and a gate is not. */
const notForGates = {
  overrideProductionGuard: false,
  postgrestImage: undefined,
  reuse: false,
  only: [],
  persona: [],
  channel: channels,
  gateway: undefined,
  gatewayTxEnd: undefined,
  proof: "rows-at-hand",
  escalation: "off",
  logs: "logs",
  failOn: [],
  keep: false,
} as const;

interface Place {
  readonly options: GateOptions;
  readonly environment: Environment;
  readonly applicant: Applicant;
}

async function gateOne(
  { matrix, open, database, limits }: System,
  files: readonly string[],
  { options, environment: { variables, err, interrupted, cwd }, applicant }: Place,
): Promise<GateRecord> {
  const read = await readPending(files, applicant, cwd);
  const pending = isStarted(options.target) ? await withEnumValues(database, limits, read) : read;
  const opened = await open();
  try {
    const { onSharedTarget, requireComplete } = options;
    const request = {
      matrix,
      target: opened.target,
      pending,
      environment: variables,
      onSharedTarget,
      requireComplete,
      interrupted,
    };
    return await gate(request, {
      step: (doing) => {
        if (!options.quiet && !options.json) err.write(`${matrix.name}: ${doing}\n`);
      },
    });
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}

/** Of a database that rowgate has made, and throws away. */
async function withEnumValues(
  database: System["database"],
  limits: System["limits"],
  read: readonly PendingStatement[],
): Promise<readonly PendingStatement[]> {
  const client = await connect(database, limits);
  try {
    return await commitEnumValues(client, read);
  } finally {
    await disconnect(client);
  }
}

function oneMatrix([first, ...others]: readonly LoadedMatrix[]): LoadedMatrix {
  if (first !== undefined && others.length === 0) return first;
  throw new RowgateError({
    code: "usage/one-matrix",
    message:
      "rowgate gate compares one system before and after its migrations, and several matrices were found.",
    hint: "name the matrix: rowgate gate <migration.sql> --matrix matrices/<name>.yaml",
  });
}

/** Files as given; of a folder its SQL files by number and name. @throws RowgateError `gate/no-migration` */
async function migrationFiles(given: readonly string[], cwd: string): Promise<readonly string[]> {
  const files: string[] = [];
  for (const one of given) files.push(...(await filesOf(path.resolve(cwd, one), one)));
  return files;
}

async function filesOf(absolute: string, given: string): Promise<readonly string[]> {
  const found = await stat(absolute).catch((cause: unknown) => {
    throw new RowgateError({
      code: "gate/no-migration",
      message: `There is no migration ${given}.`,
      hint: "name SQL files in the order in which they are applied, or a folder of numbered SQL files",
      cause,
    });
  });
  if (!found.isDirectory()) return [absolute];
  const names = (await readdir(absolute)).filter((name) => /^\d+.*\.sql$/i.test(name));
  const numbered = names.map((name) => ({ name, number: BigInt(/^\d+/.exec(name)?.[0] ?? "0") }));
  const sorted = numbered.toSorted(
    (a, b) => Number(a.number > b.number) - Number(a.number < b.number) || (a.name < b.name ? -1 : 1),
  );
  if (sorted.length > 0) return sorted.map(({ name }) => path.join(absolute, name));
  throw new RowgateError({
    code: "gate/no-migration",
    message: `The folder ${given} holds no SQL file whose name begins with a number.`,
    hint: "name the files 001_….sql, 002_….sql, …, or name them one by one",
  });
}
