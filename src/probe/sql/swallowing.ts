import type { Cell } from "../../model/cell.ts";

/** A BEFORE row trigger may return NULL, a rule may do something else instead: 0 rows then say nothing. */
export function maySwallow(cell: Cell, event: "insert" | "update" | "delete"): boolean {
  const { info, base } = cell.relation;
  return [info, ...(base === undefined || base === info ? [] : [base])].some(
    (one) =>
      one.rules.length > 0 ||
      one.triggers.some(
        (trigger) =>
          trigger.enabled &&
          trigger.level === "row" &&
          trigger.timing !== "after" &&
          trigger.events.includes(event),
      ),
  );
}
