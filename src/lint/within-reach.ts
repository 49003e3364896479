import type { Privileges, RoutineInfo } from "../model/catalog.ts";

export function holdsAnything(held: Privileges | undefined): boolean {
  if (held === undefined) return false;
  const columns = held.select.length + held.insert.length + held.update.length;
  return held.schemaUsage && (columns > 0 || held.delete || held.truncate);
}

export function mayCall({ privileges }: RoutineInfo, role: string): boolean {
  const held = privileges[role];
  return held?.schemaUsage === true && held.execute;
}

/** PostgREST calls it, or selects it as a field. */
export function isExposed(one: RoutineInfo, exposes: readonly string[]): boolean {
  return one.computes || (exposes.includes(one.schema) && isCalled(one));
}

/** By name, with a body for one argument without a name, or with others besides that have a default. */
function isCalled({ kind, arguments: all }: RoutineInfo): boolean {
  const unnamed = all.filter(({ name }) => name === "");
  const left = unnamed.length < all.length && unnamed.every(({ required }) => !required);
  return kind === "function" && (unnamed.length === 0 || all.length === 1 || left);
}
