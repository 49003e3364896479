import type { Catalog, Routine } from "./catalog.ts";
import { refuse } from "./errors.ts";
import type { Refused } from "./errors.ts";

export interface Call {
  readonly schema: string;
  readonly name: string;
  /** Names of the arguments given. */
  readonly names: readonly string[];
  readonly byPost: boolean;
}

/**
 * The function that a call means. Overloads are told apart by the names of their arguments; by POST, a single argument
 * without a name takes the whole body.
 * @throws {Refused} PGRST202, PGRST203
 */
export function findRoutine(catalog: Catalog, call: Call): Routine {
  const overloads = catalog.routines(call.schema, call.name);
  const matching = overloads.filter((routine) => takes(routine, call.names));
  const found =
    matching.length > 0 ? matching : overloads.filter((routine) => call.byPost && takesBody(routine));
  const [routine, ...others] = found;
  if (routine === undefined) throw notFound(call);
  if (others.length > 0) throw refuse.ambiguousRoutine(found.map(signature).toSorted().join(", "));
  return routine;
}

function takes({ arguments: known }: Routine, given: readonly string[]): boolean {
  const required = known.filter((argument) => argument.required);
  return (
    given.every((name) => known.some((argument) => argument.name === name)) &&
    required.every((argument) => given.includes(argument.name))
  );
}

/** One argument without a name, of a type that a JSON body can be. */
export function takesBody({ arguments: [only, ...others] }: Routine): boolean {
  return only?.name === "" && others.length === 0 && (only.type === "json" || only.type === "jsonb");
}

function notFound({ schema, name, names, byPost }: Call): Refused {
  const given = names.toSorted();
  const list = given.join(", ");
  const called = given.length === 0 ? " without parameters" : `(${list})`;
  const searched =
    given.length === 0 ? " without parameters" : ` with parameter${given.length > 1 ? "s" : ""} ${list}`;
  const alternative = byPost ? " or with a single unnamed json/jsonb parameter" : "";
  return refuse.routine(
    `Could not find the function ${schema}.${name}${called} in the schema cache`,
    `Searched for the function ${schema}.${name}${searched}${alternative}, but no matches were found in the schema cache.`,
  );
}

function signature({ schema, name, arguments: known }: Routine): string {
  return `${schema}.${name}(${known.map((argument) => `${argument.name} => ${argument.type}`).join(", ")})`;
}
