import type { LoadedTarget } from "../config/load.ts";
import { examine } from "../doctor/examine.ts";
import { channels } from "../model/cell.ts";
import type { Diagnosis } from "../model/diagnosis.ts";
import type { Matrix } from "../model/matrix.ts";
import type { StartedTarget, Target } from "../model/target.ts";
import type { GatewayWish } from "../stage/postgrest.ts";
import type { Environment } from "./environment.ts";
import { interruptible } from "./interruptible.ts";
import { type LoadedMatrix, loadMatrices } from "./load-matrix.ts";
import type { RunOptions } from "./options.ts";
import { startServer } from "./servers.ts";

export interface DoctorTask {
  /** Files. */
  readonly matrix: readonly string[];
  readonly gateway: GatewayWish | undefined;
  readonly postgresImage: string | undefined;
  readonly postgrestImage: string | undefined;
  readonly json: boolean;
}

export interface Examined {
  readonly target: Target;
  /** Where its settings came from; none of what rowgate has started. */
  readonly sources: LoadedTarget["sources"];
  readonly diagnoses: readonly Diagnosis[];
}

/** A target that runs already, with the matrices that were named: one that none of them is for is no mistake. */
export async function examineRunning(
  { target, schemas, sources }: LoadedTarget,
  task: DoctorTask,
  environment: Environment,
): Promise<Examined> {
  const loaded = task.matrix.length === 0 ? [] : await load(task, environment, false);
  const matrices = loaded.map(({ matrix }) => matrix);
  const exposed = [...new Set(matrices.flatMap(({ exposes }) => exposes))];
  const asMeant = { ...target, schemas: schemas ?? (exposed.length === 0 ? target.schemas : exposed) };
  return { sources, ...(await examineOne(asMeant, matrices, environment)) };
}

/** What rowgate starts itself: each matrix with a database of its own, as a run gives it one. */
export async function examineStarted(
  name: StartedTarget,
  task: DoctorTask,
  environment: Environment,
): Promise<readonly Examined[]> {
  const { interrupted } = environment;
  const matrices = await load(task, environment, true);
  const speaksRest = matrices.some(({ matrix }) => matrix.channels.includes("rest"));
  const server = await startServer(asRun(name, task), environment, speaksRest);
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

/** The server of a run, that nothing is asked of. */
function asRun(target: StartedTarget, task: DoctorTask): RunOptions {
  return {
    ...task,
    target,
    config: undefined,
    overrideProductionGuard: false,
    reuse: false,
    only: [],
    persona: [],
    channel: channels,
    policies: undefined,
    overlay: [],
    report: [],
    verbose: false,
    gatewayTxEnd: undefined,
    logs: "logs",
    quiet: false,
    keep: false,
  };
}
