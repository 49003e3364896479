import { createScrubber, secretsOf } from "../archive/scrub.ts";
import { type DatabaseQuestions, examineDatabase } from "./facts/database.ts";
import { examineGateway } from "./facts/gateway.ts";
import { diagnose } from "./diagnose.ts";
import { compareMatrices } from "./examine/matrices.ts";
import { meetPersonas, peopleOf } from "./examine/people.ts";
import { readTarget } from "./examine/target.ts";
import type { Diagnosis } from "../model/diagnosis.ts";
import type { Matrix, Persona } from "../model/matrix.ts";
import type { Target } from "../model/target.ts";

export interface ExamineRequest {
  readonly target: Target;
  /** None: the roles that the gateway may become are the personas. */
  readonly matrices: readonly Matrix[];
  /** Where `token: ${NAME}` is looked up. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** This machine's clock, in milliseconds since 1970. */
  readonly clock?: () => number;
}

/** Tries everything that a run would need of a target, and says what each of it came to. Reads alone, whatever the posture. */
export async function examine(request: ExamineRequest): Promise<readonly Diagnosis[]> {
  const { target, matrices, clock = Date.now } = request;
  const named = peopleOf(matrices);
  const schemas = [...new Set([...target.schemas, ...matrices.flatMap(({ exposes }) => exposes)])];
  const database = await examineDatabase({
    target,
    schemas,
    ...whatOf(named?.map(({ persona }) => persona)),
    clock,
  });
  const met = meetPersonas(named, { ...request, clock, database });
  const catalog = database.kind === "reached" ? database.catalog : undefined;
  const diagnoses = diagnose({
    now: clock(),
    target: readTarget(target),
    personas: met.personas,
    database,
    gateway: await examineGateway({ target, identities: met.identities, catalog, clock }),
    matrices: await compareMatrices(matrices, target, database),
    restMatrices: matrices.filter(({ channels }) => channels.includes("rest")).map(({ file }) => file),
  });
  // What servers say is passed on; what they repeat of a secret is not.
  return JSON.parse(createScrubber(secretsOf(target, met.identities))(diagnoses)) as readonly Diagnosis[];
}

/** What the database is asked for on behalf of personas. */
function whatOf(
  personas: readonly Persona[] | undefined,
): Pick<DatabaseQuestions, "roles" | "logins" | "subs"> {
  const all = personas ?? [];
  return {
    roles: personas && [...new Set(personas.map(({ role }) => role))],
    logins: all.flatMap(({ login }) => login ?? []),
    subs: all.flatMap(({ claims }) => (typeof claims?.["sub"] === "string" ? [claims["sub"]] : [])),
  };
}
