import path from "node:path";
import { RowgateError } from "../model/errors.ts";
import type { Matrix } from "../model/matrix.ts";
import type { SqlOrigin } from "../model/origin.ts";
import type { InputFingerprint, RunFilters } from "../model/run.ts";
import type { DatabaseAddress, Limits, Target } from "../model/target.ts";
import { type GatewayFacts, type PreflightedRun, preflightRun } from "../run.ts";
import type { SystemOptions } from "../stage/system.ts";
import type { Environment } from "./environment.ts";
import { allOrErrors } from "./join-errors.ts";
import { limiter } from "../lib/limiter.ts";
import type { LoadedMatrix } from "./load-matrix.ts";
import type { RunOptions } from "./options.ts";
import type { Server } from "./server.ts";

/** A matrix and its database; what speaks REST in front of it starts when its turn comes. */
export interface System {
  readonly matrix: Matrix;
  readonly database: DatabaseAddress;
  readonly limits: Limits;
  /** What will stand in front of it. */
  readonly gateway: GatewayFacts | undefined;
  /** What the run was given, besides the matrix. */
  readonly inputs: readonly InputFingerprint[];
  /** Where that SQL defined each object. */
  readonly origins: () => Promise<readonly SqlOrigin[]>;
  /** Milliseconds that it took to come so far. */
  readonly startMs: number;
  open(): Promise<{ readonly target: Target } & AsyncDisposable>;
}

/** A system whose matrix fits its database. */
export interface ReadySystem extends System {
  readonly preflighted: PreflightedRun;
}

export interface Place {
  readonly server: Server;
  readonly options: RunOptions;
  readonly environment: Environment;
}

/**
 * Load → open → preflight, of all systems before any is probed, so that nothing that is wrong with one hides what is
 * wrong with another. @throws whatever is wrong, all of it
 */
export async function prepareAll(
  matrices: readonly LoadedMatrix[],
  filters: RunFilters,
  place: Place,
): Promise<readonly ReadySystem[]> {
  const { interrupted } = place.environment;
  // One after another: roles belong to the server, and Postgres refuses to change one for two at a time.
  const opening = limiter(1);
  const checking = limiter(place.server.atOnce);
  const settled = await Promise.allSettled(
    matrices.map(async (loaded, index) => {
      const system = await opening(() => {
        interrupted.throwIfAborted();
        return openSystem(loaded, index, matrices.length > 1, place);
      });
      const preflighted = await checking(() => preflightRun({ ...system, filters }));
      return { ...system, preflighted };
    }),
  );
  interrupted.throwIfAborted();
  return allOrErrors(settled, "These matrices do not fit their databases.");
}

async function openSystem(
  { matrix, policies }: LoadedMatrix,
  index: number,
  beside: boolean,
  { server, options, environment }: Place,
): Promise<System> {
  const { cwd, variables } = environment;
  const began = performance.now();
  const request: SystemOptions = {
    database: `${matrix.name}_${index + 1}`,
    policies: options.policies === undefined ? policies : path.resolve(cwd, options.policies),
    overlays: options.overlay.map((file) => path.resolve(cwd, file)),
    schemas: matrix.exposes,
    gateway: matrix.channels.includes("rest") ? (options.gateway ?? "auto") : "none",
    txEnd: options.gatewayTxEnd ?? "rollback-allow-override",
    jwtSecret: variables["ROWGATE_JWT_SECRET"],
    environment: variables,
  };
  const prepared = await server.prepare(request, matrix);
  if (beside && prepared.changedRoles.length > 0) throw sharedRoles(matrix, prepared.changedRoles);
  return {
    ...prepared,
    matrix,
    gateway: server.gatewayOf(matrix),
    // As a person names them: where the checkout lies is nobody's business two years later.
    inputs: prepared.inputs.map((one) => ({ ...one, path: path.relative(cwd, one.path) })),
    origins: async () =>
      (await prepared.origins()).map((one) => ({ ...one, file: path.relative(cwd, one.file) })),
    startMs: server.startMs + performance.now() - began,
  };
}

function sharedRoles({ name, file }: Matrix, roles: readonly string[]): RowgateError {
  return new RowgateError({
    code: "policies/shared-roles",
    message: `The SQL of ${name} changes ${roles.join(", ")}, and the other systems of this run are on the same server: what they prove would not be what they declare.`,
    hint: `run it by itself: rowgate run ${file}; or let its SQL create roles of its own`,
  });
}
