import { createScrubber, secretsOf } from "../archive/scrub.ts";
import type { Diagnosis } from "../model/diagnosis.ts";
import type { Matrix, Persona } from "../model/matrix.ts";
import type { Target } from "../model/target.ts";
import { diagnose } from "./diagnose.ts";
import { type DatabaseQuestions, queryDatabase } from "./facts/database.ts";
import { probeGateway } from "./facts/gateway.ts";
import { personasOf, preparePersonas } from "./facts/personas.ts";
import { compareMatrices, readTarget } from "./facts/target.ts";

export interface ExamineRequest {
  readonly target: Target;
  /** None: the roles that the gateway may become are the personas. */
  readonly matrices: readonly Matrix[];
  /** Where `token: ${NAME}` is looked up. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** This machine's clock, in milliseconds since 1970. */
  readonly clock?: () => number;
}

/** Checks everything that a run needs of a target. Only reads, whatever the posture. */
export async function examine(request: ExamineRequest): Promise<readonly Diagnosis[]> {
  const { target, matrices, clock = Date.now } = request;
  const named = personasOf(matrices);
  const schemas = [...new Set([...target.schemas, ...matrices.flatMap(({ exposes }) => exposes)])];
  const database = await queryDatabase({
    target,
    schemas,
    ...namesOf(named?.map(({ persona }) => persona)),
    clock,
  });
  const { personas, identities } = preparePersonas(named, { ...request, clock, database });
  const catalog = database.kind === "connected" ? database.catalog : undefined;
  const diagnoses = diagnose({
    now: clock(),
    target: readTarget(target),
    personas,
    database,
    gateway: await probeGateway({ target, identities, catalog, clock }),
    matrices: await compareMatrices(matrices, target, database),
    restMatrices: matrices.filter(({ channels }) => channels.includes("rest")).map(({ file }) => file),
  });
  // Messages of servers are passed on, without the secrets that they may repeat.
  return JSON.parse(
    createScrubber(secretsOf(target, identities))(JSON.stringify(diagnoses)),
  ) as readonly Diagnosis[];
}

/** The names that doctor looks up in the database. */
function namesOf(
  personas: readonly Persona[] | undefined,
): Pick<DatabaseQuestions, "roles" | "logins" | "subs"> {
  const all = personas ?? [];
  return {
    roles: personas && [...new Set(personas.map(({ role }) => role))],
    logins: all.flatMap(({ login }) => login ?? []),
    subs: all.flatMap(({ claims }) => (typeof claims?.["sub"] === "string" ? [claims["sub"]] : [])),
  };
}
