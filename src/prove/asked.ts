import type { Privileges } from "../model/catalog.ts";
import { always, type Command, type Condition } from "./analyse/policy.ts";
import type { Context } from "./context.ts";
import type { Declared, ProofCell } from "./proof-cell.ts";

/** A cell, before whom it is asked. */
export interface Asked {
  readonly context: Context;
  readonly cell: ProofCell;
  readonly held: Privileges;
}

export function conditionFor(
  { context, cell }: Asked,
  command: Command,
  side: "old" | "new",
  reading: boolean,
): Condition | undefined {
  return context.knowledge.condition(context.space.relation, cell.role.inherits, command, side, reading);
}

export function declaredCondition({ context }: Asked, declared: Declared): Condition {
  if (declared.kind === "deny") return always(false);
  return declared.kind === "allow"
    ? always(true)
    : context.knowledge.declared(context.space.relation, declared.predicate);
}

export function isTriggered({ cell }: Pick<Asked, "cell">, event: "insert" | "update"): boolean {
  return cell.relation.triggers.some(
    ({ enabled, level, timing, events }) =>
      enabled && level === "row" && timing === "before" && events.includes(event),
  );
}
