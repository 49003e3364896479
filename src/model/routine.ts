import type { RoutineInfo } from "./catalog.ts";

/** `public.find(id uuid, note text)` */
export function signatureOf({ schema, name, arguments: all }: RoutineInfo): string {
  const list = all.map((one) => `${one.name === "" ? "" : `${one.name} `}${one.type}`).join(", ");
  return `${schema}.${name}(${list})`;
}
