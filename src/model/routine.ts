import type { RoutineInfo } from "./catalog.ts";

/** `public.find(id uuid, note text)` */
export function signatureOf({ schema, name, arguments: all }: RoutineInfo): string {
  const list = all.map((one) => `${one.name === "" ? "" : `${one.name} `}${one.type}`).join(", ");
  return `${schema}.${name}(${list})`;
}

/** As a matrix names one of several overloads: `public.find(uuid,text)`. */
export function typedName({ schema, name, arguments: all }: RoutineInfo): string {
  return `${schema}.${name}(${all.map(({ type }) => type).join(",")})`;
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
