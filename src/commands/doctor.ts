import { exitCodeOf } from "../doctor/diagnose.ts";
import { examine } from "../examine.ts";
import type { Diagnosis } from "../model/diagnosis.ts";
import type { Matrix } from "../model/matrix.ts";
import type { Target } from "../model/target.ts";
import { renderDoctor } from "../report/doctor.ts";
import { startEmbedded } from "../target/embedded/server.ts";
import { prepareEmbedded } from "../target/embedded-target.ts";
import type { GatewayWish } from "../target/gateway/choose.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { loadMatrices } from "./load-matrix.ts";

export interface DoctorOptions {
  /** Files; none: all of `matrices/*.yaml`. */
  readonly matrix: readonly string[];
  readonly gateway: GatewayWish;
  readonly json: boolean;
}

interface Examined {
  readonly target: Target;
  readonly diagnoses: readonly Diagnosis[];
}

/** `rowgate doctor`: tries everything that a run will need, and explains what is wrong. */
export async function doctorCommand(options: DoctorOptions, environment: Environment): Promise<ExitCode> {
  const examined = await examineEmbedded(options, environment);
  show(examined, options, environment);
  return exitCodeOf(examined.flatMap(({ diagnoses }) => diagnoses));
}

/** Each matrix with a database of its own, as a run gives it one. */
async function examineEmbedded(
  options: DoctorOptions,
  environment: Environment,
): Promise<readonly Examined[]> {
  const { cwd, interrupted, variables } = environment;
  const matrices = await loadMatrices(options.matrix, cwd, new Date().toISOString().slice(0, 10), true);
  const server = await startEmbedded();
  interrupted.addEventListener("abort", () => void server.stop().catch(() => {}), { once: true });
  try {
    const examined: Examined[] = [];
    for (const [index, { matrix, policies }] of matrices.entries()) {
      const system = await prepareEmbedded({
        server,
        database: `${matrix.name}_${index + 1}`,
        policies,
        overlays: [],
        schemas: matrix.exposes,
        gateway: matrix.channels.includes("rest") ? options.gateway : "none",
        txEnd: "rollback-allow-override",
        jwtSecret: variables["ROWGATE_JWT_SECRET"],
        environment: variables,
      });
      await using opened = await system.open();
      examined.push(await examineOne(opened.target, [matrix], environment));
    }
    return examined;
  } finally {
    await server.stop();
  }
}

async function examineOne(
  target: Target,
  matrices: readonly Matrix[],
  { variables }: Environment,
): Promise<Examined> {
  return { target, diagnoses: await examine({ target, matrices, environment: variables }) };
}

function show(examined: readonly Examined[], { json }: DoctorOptions, { out, variables }: Environment): void {
  if (json) {
    const all = examined.map(({ target, diagnoses }) => ({
      target: target.name,
      posture: target.posture,
      exitCode: exitCodeOf(diagnoses),
      checks: diagnoses,
    }));
    out.write(`${JSON.stringify(all.length === 1 ? all[0] : all, undefined, 2)}\n`);
    return;
  }
  const looks = {
    width: out.isTerminal ? out.columns : 80,
    colour: out.isTerminal && (variables["NO_COLOR"] ?? "") === "",
  };
  out.write(
    examined.map(({ target, diagnoses }) => renderDoctor(titleOf(target), diagnoses, looks)).join("\n"),
  );
}

function titleOf({ name, posture, database, rest }: Target): string {
  const what = name === posture ? name : `${name} (${posture})`;
  const gateway = rest === undefined ? "no PostgREST" : rest.url;
  return `${what}: ${database.host}:${database.port}/${database.database}, ${gateway}`;
}
