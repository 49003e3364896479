import { exitCodeOf } from "../doctor/diagnose.ts";
import { renderDoctor } from "../report/doctor.ts";
import { safeJson } from "../report/text.ts";
import { refuseGiven } from "./errors.ts";
import { type Environment, type ExitCode, interruptible } from "./environment.ts";
import { findAnyConfig } from "../config/file.ts";
import { type LoadedTarget, loadFromEnvironment, loadTarget } from "../config/load.ts";
import { listNames } from "../lib/nearest.ts";
import { RowgateError } from "../model/errors.ts";
import type { StartedTarget, Target } from "../model/target.ts";
import { isStarted } from "./options.ts";
import { examine } from "../doctor/examine.ts";
import type { Diagnosis } from "../model/diagnosis.ts";
import type { Matrix } from "../model/matrix.ts";
import type { GatewayWish } from "../stage/postgrest.ts";
import { type LoadedMatrix, loadMatrices } from "./load-matrix.ts";
import { startOwnServer } from "./servers.ts";
import { baselineOf, baselinesOf } from "./systems.ts";
import { personasWithUser } from "../stage/persona-users.ts";

export interface DoctorOptions extends DoctorTask, Omit<TargetChoice, "name"> {
  readonly json: boolean;
}

/** `rowgate doctor [target]`: checks everything that a run needs, and explains what is wrong. */
export async function doctorCommand(
  name: string | undefined,
  options: DoctorOptions,
  environment: Environment,
): Promise<ExitCode> {
  const chosen = await chooseTarget({ ...options, name }, environment);
  refuseMisplaced(chosen, options);
  const examined =
    chosen.kind === "started"
      ? await examineStarted(chosen.name, options, environment)
      : [await examineRunning(chosen.loaded, options, environment)];
  show(examined, options, environment);
  return exitCodeOf(examined.flatMap(({ diagnoses }) => diagnoses));
}

function refuseMisplaced(chosen: ChosenTarget, options: DoctorOptions): void {
  const started = chosen.kind === "started";
  const name = started ? chosen.name : chosen.loaded.target.name;
  refuseGiven(
    options,
    started ? ["config", "overrideProductionGuard"] : ["gateway", "postgresImage", "postgrestImage"],
    (flags, one) => ({
      code: "usage/misplaced",
      message: `${flags} ${one ? "applies" : "apply"} only to targets that ${started ? "run already" : "rowgate starts"}; ${name} is not one of them.`,
      hint: "remove it, or name another target: rowgate doctor <target>",
    }),
  );
}

function show(examined: readonly Examined[], { json }: DoctorOptions, { out, variables }: Environment): void {
  if (json) {
    const all = examined.map(({ target, sources, diagnoses }) => ({
      target: target.name,
      posture: target.posture,
      exitCode: exitCodeOf(diagnoses),
      sources,
      checks: diagnoses,
    }));
    out.write(`${safeJson(all.length === 1 ? all[0] : all)}\n`);
    return;
  }
  const looks = {
    width: out.isTerminal ? out.columns : 80,
    colour: out.isTerminal && (variables["NO_COLOR"] ?? "") === "",
  };
  out.write(examined.map((one) => renderDoctor(headOf(one), one.diagnoses, looks)).join("\n"));
}

/** What was examined, and where each of its settings came from. */
function headOf({ target, sources }: Examined): readonly string[] {
  const { name, posture, database, rest } = target;
  const what = name === posture ? name : `${name} (${posture})`;
  const gateway = rest === undefined ? "no PostgREST" : rest.url;
  return [
    `${what}: ${database.host}:${database.port}/${database.database}, ${gateway}`,
    ...(sources.length === 0
      ? []
      : [`settings: ${sources.map(({ setting, from }) => `${setting} from ${from}`).join("; ")}`]),
  ];
}

interface TargetChoice {
  /** `undefined`: the only one of `rowgate.yaml`, or what the environment names, or the embedded one. */
  readonly name: string | undefined;
  readonly config: string | undefined;
  readonly overrideProductionGuard: boolean;
}

type ChosenTarget =
  | { readonly kind: "started"; readonly name: StartedTarget }
  | { readonly kind: "running"; readonly loaded: LoadedTarget };

/** The target that the command line, rowgate.yaml or the environment names. Does not connect. @throws RowgateError, IssuesError `config/…` */
async function chooseTarget(choice: TargetChoice, environment: Environment): Promise<ChosenTarget> {
  const { cwd, variables } = environment;
  if (choice.name !== undefined && isStarted(choice.name)) return { kind: "started", name: choice.name };
  const name = choice.name ?? (await onlyTarget(choice.config, cwd));
  if (name === undefined) {
    const loaded = await loadFromEnvironment(cwd, variables);
    return loaded === undefined ? { kind: "started", name: "embedded" } : { kind: "running", loaded };
  }
  const { config: file, overrideProductionGuard: overrideGuard } = choice;
  return { kind: "running", loaded: await loadTarget({ name, file, cwd, variables, overrideGuard }) };
}

/** `undefined`: there is no file. @throws RowgateError `usage/which-target` where it names several */
async function onlyTarget(config: string | undefined, cwd: string): Promise<string | undefined> {
  const found = await findAnyConfig(config, cwd);
  const [name, ...more] = Object.keys(found?.config.targets ?? {});
  if (found === undefined || more.length === 0) return name;
  throw new RowgateError({
    code: "usage/which-target",
    message: `${found.file} names several targets.`,
    hint: `rowgate doctor <target>: ${listNames([name ?? "", ...more])}, or embedded`,
  });
}

interface DoctorTask {
  /** Files. */
  readonly matrix: readonly string[];
  readonly gateway: GatewayWish | undefined;
  readonly postgresImage: string | undefined;
  readonly postgrestImage: string | undefined;
  readonly json: boolean;
}

interface Examined {
  readonly target: Target;
  /** Where its settings came from; empty for a target that rowgate started. */
  readonly sources: LoadedTarget["sources"];
  readonly diagnoses: readonly Diagnosis[];
}

/** A target that runs already, with the given matrices; without any, doctor checks the target alone. */
async function examineRunning(
  { target, schemas, sources }: LoadedTarget,
  task: DoctorTask,
  environment: Environment,
): Promise<Examined> {
  const loaded = task.matrix.length === 0 ? [] : await load(task, environment, false);
  const matrices = loaded.map(({ matrix }) => matrix);
  const exposed = [...new Set(matrices.flatMap(({ exposes }) => exposes))];
  const withSchemas = { ...target, schemas: schemas ?? (exposed.length === 0 ? target.schemas : exposed) };
  return { sources, ...(await examineOne(withSchemas, matrices, environment)) };
}

/** A target that rowgate starts: each matrix gets its own database, as in a run. */
async function examineStarted(
  name: StartedTarget,
  task: DoctorTask,
  environment: Environment,
): Promise<readonly Examined[]> {
  const { interrupted } = environment;
  const matrices = await load(task, environment, true);
  const usesRest = matrices.some(({ matrix }) => matrix.channels.includes("rest"));
  const wish = { target: name, policies: undefined };
  const options = { ...task, reuse: false, quiet: false };
  const baselines = await baselinesOf(matrices, wish, environment.cwd);
  const server = await startOwnServer(name, options, environment, { speaksRest: usesRest, baselines });
  interrupted.addEventListener("abort", () => void server.stop().catch(() => {}), { once: true });
  try {
    const examined: Examined[] = [];
    for (const [index, { matrix, policies }] of matrices.entries()) {
      interrupted.throwIfAborted();
      const system = await server.prepare(
        {
          database: `${matrix.name}_${index + 1}`,
          policies,
          overlays: [],
          baseline: await baselineOf({ policies }, wish, environment.cwd),
          users: personasWithUser(matrix),
          schemas: matrix.exposes,
          gateway: matrix.channels.includes("rest") ? (task.gateway ?? "auto") : "none",
          txEnd: "rollback-allow-override",
          jwtSecret: environment.variables["ROWGATE_JWT_SECRET"],
          environment: environment.variables,
        },
        matrix,
      );
      await using opened = await system.open();
      examined.push({ sources: [], ...(await examineOne(opened.target, [matrix], environment)) });
    }
    return examined;
  } finally {
    await server.stop();
  }
}

function load(
  { matrix }: DoctorTask,
  { cwd }: Environment,
  needsFolder: boolean,
): Promise<readonly LoadedMatrix[]> {
  return loadMatrices(matrix, cwd, new Date().toISOString().slice(0, 10), needsFolder);
}

async function examineOne(
  target: Target,
  matrices: readonly Matrix[],
  { variables, interrupted }: Environment,
): Promise<Omit<Examined, "sources">> {
  const examined = examine({ target, matrices, environment: variables });
  return { target, diagnoses: await interruptible(examined, interrupted) };
}
