import type { Privileges } from "../model/catalog.ts";
import { quoteIdent } from "../lib/sql-text.ts";
import { always, type Command, type Condition, joinedConditions } from "./analyse/policy.ts";
import { storedRow } from "./analyse/stored-row.ts";
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

/** A condition of the new row, with what BEFORE triggers put into it whatever is sent. */
export function withStored(
  { context: { knowledge, space } }: Asked,
  event: "insert" | "update",
  condition: Condition,
): Condition {
  const set = storedRow(space.relation, event, knowledge)?.set ?? new Map<string, string>();
  const held = [...set].flatMap(([name, sql]) => {
    const column = space.relation.columns.find((one) => one.name === name);
    const text = `${quoteIdent(name)} is not distinct from (${sql})::${column?.type ?? ""}`;
    return column === undefined ? [] : [knowledge.declared(space.relation, text)];
  });
  return held.length === 0 ? condition : joinedConditions("and", [condition, ...held]);
}

export function isTriggered({ cell }: Pick<Asked, "cell">, event: "insert" | "update"): boolean {
  return cell.relation.triggers.some(
    ({ enabled, level, timing, events }) =>
      enabled && level === "row" && timing === "before" && events.includes(event),
  );
}
