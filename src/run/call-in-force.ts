import type { RoutineInfo } from "../model/catalog.ts";
import type { Cell, PlannedCall } from "../model/cell.ts";

/** What decides a call: the privilege, whose rights the body runs with, and which rows the role would see by itself. */
export function callInForce({ persona }: Cell, { routine }: PlannedCall): readonly string[] {
  return [privilege(persona.role, routine), rights(routine)];
}

function privilege(role: string, routine: RoutineInfo): string {
  const held = routine.privileges[role];
  if (held?.schemaUsage !== true) return `${role} has no USAGE on schema ${routine.schema}`;
  const open = routine.public ? ", which is granted to PUBLIC" : "";
  return `${role} holds ${held.execute ? `EXECUTE${open}` : "no EXECUTE"}`;
}

function rights({ securityDefiner, owner, volatility, language, settings }: RoutineInfo): string {
  const whose = securityDefiner
    ? `runs with the rights of its owner ${owner} (SECURITY DEFINER)`
    : "runs with the rights of who calls";
  const set = settings.length === 0 ? "" : `, SET ${settings.join(", ")}`;
  return `${volatility} ${language} function, ${whose}${set}`;
}
