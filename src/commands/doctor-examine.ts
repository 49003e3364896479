import type { LoadedTarget } from "../config/load.ts";
import { examine } from "../doctor/examine.ts";
import type { Diagnosis } from "../model/diagnosis.ts";
import type { Matrix } from "../model/matrix.ts";
import type { StartedTarget, Target } from "../model/target.ts";
import type { GatewayWish } from "../stage/postgrest.ts";
import { type Environment, interruptible } from "./environment.ts";
import { type LoadedMatrix, loadMatrices } from "./load-matrix.ts";
import { startOwnServer } from "./servers.ts";
import { baselineOf, baselinesOf } from "./systems.ts";
import { personasWithUser } from "../stage/persona-users.ts";

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
  /** Where its settings came from; empty for a target that rowgate started. */
  readonly sources: LoadedTarget["sources"];
  readonly diagnoses: readonly Diagnosis[];
}

/** A target that runs already, with the given matrices; without any, doctor checks the target alone. */
export async function examineRunning(
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
export async function examineStarted(
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
