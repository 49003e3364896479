import { mkdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { openClones } from "../gate/clones.ts";
import { type Applicant, readPending } from "../gate/migrations.ts";
import { gate, type GateRequest } from "../gate/gate.ts";
import { laterRowsNote, readLaterRows } from "../gate/seed.ts";
import { now } from "../lib/clock.ts";
import { dayOf } from "../lib/moment.ts";
import { RowgateError } from "../model/errors.ts";
import { gateExitCode, type GateRecord } from "../model/gate.ts";
import { gateText } from "../report/gate.ts";
import { gateAnnotations, gateMarkdown } from "../report/gate-markdown.ts";
import { plural, safeJson } from "../report/text.ts";
import type { SqlSource } from "../stage/apply-sql/source.ts";
import { systemSources } from "../stage/system.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { without } from "./gate-before.ts";
import { type Base, newSince, openBase } from "./gate-base.ts";
import {
  type HistoryTable,
  isInHistory,
  type Named,
  namedMigrations,
  pendingOf,
  readHistory,
  readHistoryOption,
} from "./gate-pending.ts";
import { type LoadedMatrix, loadMatrices, loadMatrix } from "./load-matrix.ts";
import { isStarted, type RunOptions, runOnly } from "./options.ts";
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
  | "layout"
  | "postgresImage"
  | "quiet"
  | "verbose"
  | "json"
> {
  readonly matrix: readonly string[];
  readonly onSharedTarget: boolean;
  readonly requireComplete: boolean;
  /** `<schema>.<table>:<column>` of the migrations that are applied. */
  readonly history?: string | undefined;
  /** A commit: what is new since then is pending. */
  readonly base?: string | undefined;
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
  const { cwd, interrupted } = environment;
  const history = options.history === undefined ? undefined : readHistoryOption(options.history);
  const reports = options.report.map(reportOf);
  const loaded = await loadOne(options, cwd);
  const base = options.base === undefined ? undefined : await openBase(options.base, cwd);
  try {
    const plan = await planOf(given, loaded, { options, environment, base });
    const whole = { ...runOnly, ...options, ...(base && { policies: undefined }) };
    const baseline = await baselineOf(plan.before, whole, cwd);
    const server = await startServer(whole, environment, {
      speaksRest: loaded.matrix.channels.includes("rest"),
      baselines: new Set(baseline === undefined ? [] : [baseline.name]),
    });
    interrupted.addEventListener("abort", () => void server.stop().catch(() => {}), { once: true });
    try {
      const place = { server: without(server, plan.leaveOut, plan.before.seed), options: whole, environment };
      const system = await openSystem(plan.before, 0, false, place);
      const applicant = baseline?.name === "supabase" ? "supabase" : "login";
      const record = await gateOne(system, plan, { options, environment, applicant, history });
      if (record === undefined) return 0;
      environment.annotate?.(gateAnnotations(record));
      for (const { format, file } of reports) await writeReport(format, path.resolve(cwd, file), record);
      environment.out.write(
        options.json ? `${safeJson(record)}\n` : gateText(record, { ...looks(environment), ...options }),
      );
      return gateExitCode(record);
    } finally {
      await server.stop();
    }
  } finally {
    await base?.[Symbol.asyncDispose]();
  }
}

async function loadOne(
  { matrix, target, policies }: Pick<GateOptions, "matrix" | "target" | "policies">,
  cwd: string,
): Promise<LoadedMatrix> {
  return oneMatrix(
    await loadMatrices(matrix, cwd, dayOf(now()), isStarted(target) && policies === undefined),
  );
}

/** What is compared with what. */
interface GatePlan {
  readonly named: readonly Named[];
  /** The matrix as it is now, and the SQL of the state before. */
  readonly before: LoadedMatrix;
  /** Files of that SQL that are not applied yet. */
  readonly leaveOut: ReadonlySet<string>;
  /** The rows of the matrix as it is now. */
  readonly seed: string | undefined;
  readonly base: GateRequest["base"];
}

async function planOf(
  given: readonly string[],
  loaded: LoadedMatrix,
  {
    options,
    environment: { cwd },
    base,
  }: Pick<Place, "options" | "environment"> & { readonly base: Base | undefined },
): Promise<GatePlan> {
  const policies = options.policies === undefined ? loaded.policies : path.resolve(cwd, options.policies);
  const today = { ...loaded, policies };
  if (base === undefined) {
    const named = await namedMigrations(given, cwd);
    const leaveOut = new Set(named.map(({ file }) => file));
    return { named, before: today, leaveOut, seed: loaded.seed, base: undefined };
  }
  const old = await loadMatrixOf(base, loaded.matrix.file, cwd);
  const before = { ...loaded, policies: base.at(policies), seed: old?.seed ?? loaded.seed };
  const sources = (one: LoadedMatrix): Promise<readonly SqlSource[]> => sourcesOf(one, options, cwd);
  const named =
    given.length > 0
      ? await namedMigrations(given, cwd)
      : newSince({
          before: await sources(before),
          now: await sources(today),
          at: base.at,
          base: base.name,
        }).map((file) => ({ file, byFolder: true }));
  return {
    named,
    before,
    leaveOut: new Set(named.map(({ file }) => base.at(file))),
    seed: loaded.seed,
    base: { name: base.name, matrix: old?.matrix },
  };
}

/** The matrix as it was; `undefined`: it is new. */
async function loadMatrixOf(base: Base, file: string, cwd: string): Promise<LoadedMatrix | undefined> {
  const there = await stat(base.at(file)).catch(() => undefined);
  return there === undefined ? undefined : loadMatrix(base.at(file), cwd, dayOf(now()));
}

/** The SQL of a folder, in the order in which it is applied. */
async function sourcesOf(
  one: LoadedMatrix,
  options: GateOptions,
  cwd: string,
): Promise<readonly SqlSource[]> {
  const { policies } = one;
  const baseline = await baselineOf(one, { ...runOnly, ...options, policies }, cwd);
  return systemSources({ policies, overlays: [], baseline, layout: options.layout });
}

interface Place {
  readonly options: GateOptions;
  readonly environment: Environment;
  readonly applicant: Applicant;
  readonly history: HistoryTable | undefined;
}

/** @returns `undefined` where nothing is pending */
async function gateOne(
  { matrix, open, database, limits }: System,
  { named, base, seed }: GatePlan,
  { options, environment: { variables, err, out, interrupted, cwd }, applicant, history }: Place,
): Promise<GateRecord | undefined> {
  const known = await readHistory(database, limits, history);
  const { files, applied } = pendingOf(named, known === undefined ? () => false : isInHistory(known));
  if (files.length === 0) {
    const why = base === undefined ? `${applied} are applied already` : `none is new since ${base.name}`;
    out.write(`${matrix.name}: no migration is pending (${why}): nothing was compared\n`);
    return undefined;
  }
  const say = (doing: string): void => {
    if (!options.quiet && !options.json) err.write(`${matrix.name}: ${doing}\n`);
  };
  if (applied > 0) say(`${plural(applied, "migration")} applied already, ${files.length} pending`);
  const pending = await readPending(files, applicant, cwd);
  if (pending.length === 0) {
    out.write(`${matrix.name}: the pending migrations hold no statement: nothing was compared\n`);
    return undefined;
  }
  const started = isStarted(options.target);
  const later =
    seed !== undefined && started ? await readLaterRows(seed, applicant, cwd, { database, limits }) : [];
  const clones = started ? await openClones(database, limits, pending) : undefined;
  const opened = await open();
  try {
    const { onSharedTarget, requireComplete } = options;
    const request = {
      matrix,
      target: opened.target,
      pending,
      clones,
      later,
      notes: laterRowsNote(later),
      base,
      environment: variables,
      onSharedTarget,
      requireComplete,
      interrupted,
    };
    return await gate(request, { step: say });
  } finally {
    await opened[Symbol.asyncDispose]();
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
