import type { Catalog, RoutineInfo } from "../model/catalog.ts";
import type { PlannedCall } from "../model/cell.ts";
import { routinesNamed } from "./routine.ts";

/** Why PostgREST cannot be asked for a call; `undefined`: it can. */
export function notOnRest(
  routine: RoutineInfo,
  values: PlannedCall["values"],
  catalog: Catalog,
  exposed: readonly string[],
): string | undefined {
  if (exposed.length === 0) return "the target has no rest channel";
  if (!exposed.includes(routine.schema)) return `the gateway does not expose the schema ${routine.schema}`;
  if (hasUnnamed(routine)) return "PostgREST passes arguments by name, and one of this function has none";
  const open = routine.arguments.find(({ name, cast }) => cast === null && Object.hasOwn(values, name));
  if (open !== undefined) return `PostgREST cannot name the type of an argument of type ${open.type}`;
  if (routine.returns === "record") return "PostgREST cannot name the columns of a record";
  const takers = routinesNamed(catalog, routine).filter((one) => takes(one, Object.keys(values)));
  return takers.length > 1
    ? `PostgREST tells overloads apart by the names of arguments, and ${takers.length} take these`
    : undefined;
}

function hasUnnamed(routine: RoutineInfo): boolean {
  return routine.arguments.some(({ name }) => name === "");
}

function takes(routine: RoutineInfo, given: readonly string[]): boolean {
  if (routine.kind !== "function" || hasUnnamed(routine)) return false;
  const known = routine.arguments.map(({ name }) => name);
  const required = routine.arguments.filter((one) => one.required).map(({ name }) => name);
  return given.every((name) => known.includes(name)) && required.every((name) => given.includes(name));
}
