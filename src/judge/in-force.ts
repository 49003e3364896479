import { policySql, type RoutineInfo } from "../model/catalog.ts";
import type { Cell, PlannedCall } from "../model/cell.ts";
import { isFor, operationInfo } from "../model/operations.ts";
import type { RelationOperation } from "../model/matrix.ts";

/** The grants and policies that decide a cell, one line each, as SQL would say them. */
export function inForce(cell: Cell): readonly string[] {
  const { operation, call } = cell;
  if (call !== undefined || operation === "execute") return call === undefined ? [] : callInForce(cell, call);
  const { info } = cell.relation;
  const held = info.privileges[cell.persona.role];
  const grants = [
    ["SELECT", held?.select],
    ["INSERT", held?.insert],
    ["UPDATE", held?.update],
  ] as const;
  const columns = grants.flatMap(([name, granted]) =>
    granted?.length ? [named(name, granted, info.columns.length)] : [],
  );
  const whole = [...(held?.delete ? ["DELETE"] : []), ...(held?.truncate ? ["TRUNCATE"] : [])];
  const all = [...columns, ...whole];
  const grant =
    held?.schemaUsage === false
      ? `${cell.persona.role} has no USAGE on schema ${info.schema}`
      : `${cell.persona.role} holds ${all.length === 0 ? "no grant" : all.join(", ")}`;
  return [grant, security(cell), ...insteadOf(cell, operation), ...policies(cell, operation)];
}

function named(privilege: string, granted: readonly string[], columns: number): string {
  return granted.length === columns ? privilege : `${privilege} (${granted.join(", ")})`;
}

function security(cell: Cell): string {
  const { info, base } = cell.relation;
  if (info.kind === "view") {
    const whose = info.securityInvoker
      ? "with the rights of who asks (security_invoker)"
      : `with the rights of its owner ${info.owner}`;
    return `view, read ${whose}${base === undefined || base === info ? "" : `, over ${base.schema}.${base.name}`}`;
  }
  if (!info.rls) return "row level security is off";
  return `row level security is on${info.forceRls ? " and forced" : ""}`;
}

/** A trigger that does something else than the write decides by itself what the write comes to. */
function insteadOf({ relation: { info } }: Cell, operation: RelationOperation): readonly string[] {
  const { events: written } = operationInfo[operation];
  return info.triggers
    .filter(
      ({ timing, enabled, events }) =>
        timing === "instead of" &&
        enabled &&
        events.some((event) => (written as readonly string[]).includes(event)),
    )
    .map(({ name, events, function: body }) => {
      const when = events.map((one) => one.toUpperCase()).join(" OR ");
      return `trigger "${name}" INSTEAD OF ${when} runs ${body}, with the rights of the view's user unless it is SECURITY DEFINER`;
    });
}

function policies(cell: Cell, operation: RelationOperation): readonly string[] {
  const { info, base } = cell.relation;
  const source = info.kind === "view" && base !== undefined ? base : info;
  if (!source.rls) return [];
  const applying = source.policies.filter(
    ({ command, roles }) =>
      (command === "all" || operationInfo[operation].policies.includes(command)) && isFor(roles, cell.role),
  );
  return applying.length === 0 ? ["no policy applies"] : applying.map(policySql);
}

/** What decides a call: the privilege, whose rights the body runs with, and which rows the role would see by itself. */
function callInForce({ persona }: Cell, { routine }: PlannedCall): readonly string[] {
  return [executePrivilege(persona.role, routine), rights(routine)];
}

function executePrivilege(role: string, routine: RoutineInfo): string {
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
