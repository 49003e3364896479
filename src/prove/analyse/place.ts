import type { Node, SelectStmt, WithClause } from "libpg-query";
import type { Actor } from "./question.ts";
import { outerNames, part, printExpression, printSelect, readsRow, selectOf } from "./tree.ts";

/** What surrounds an expression: FROM items and conditions of the queries that contain it. */
export interface Level {
  readonly items: readonly { readonly name: string | undefined; readonly node: Node }[];
  readonly where: readonly Node[];
  readonly clause: WithClause | undefined;
}

export interface Place {
  readonly actor: Actor;
  readonly levels: readonly Level[];
  readonly depth: number;
}

/** A query of all values that an expression without the row's columns can have at its position; `undefined`: none can be written. */
export function valuesQuery(
  node: Node,
  { levels }: Place,
  form: "value" | "array" | "query",
): string | undefined {
  if (form === "query") {
    const select = part(node, "SelectStmt");
    return select && outerNames(select).length === 0 ? printed(select) : undefined;
  }
  const items: Node[] = [];
  const names = new Set<string>();
  let clause: WithClause | undefined;
  const where: Node[] = [];
  const wanted = [...outerNames(node)];
  for (const name of wanted) {
    if (names.has(name)) continue;
    names.add(name);
    const level = levels.toReversed().find((one) => one.items.some((item) => item.name === name));
    const item = level?.items.find((one) => one.name === name)?.node;
    if (level === undefined || item === undefined || readsRow(item)) return undefined;
    // A lateral item brings along what it reads.
    wanted.push(...outerNames(item));
    items.unshift(item);
    clause = level.clause ?? clause;
    where.push(...level.where);
  }
  if (clause !== undefined && readsRow(clause)) return undefined;
  const kept = where.filter((one) => !readsRow(one) && outerNames(one).every((name) => names.has(name)));
  const select: SelectStmt = {
    ...selectOf(node),
    ...(items.length > 0 && { fromClause: items }),
    ...(kept.length > 0 && {
      whereClause:
        kept.length === 1 && kept[0] !== undefined
          ? kept[0]
          : { BoolExpr: { boolop: "AND_EXPR", args: [...new Set(kept)] } },
    }),
    ...(clause !== undefined && { withClause: clause }),
  };
  const text =
    items.length + kept.length === 0 && clause === undefined ? printedValue(node) : printed(select);
  return form === "array" && text !== undefined ? `select unnest(v) from (${text}) as a(v)` : text;
}

export function withClauseOf(place: Place, clause: WithClause | undefined): Place {
  return clause === undefined
    ? place
    : { ...place, levels: [...place.levels, { items: [], where: [], clause }] };
}

export function printed(select: SelectStmt): string | undefined {
  try {
    return printSelect(select);
  } catch {
    return undefined;
  }
}

function printedValue(node: Node): string | undefined {
  try {
    return `SELECT ${printExpression(node)}`;
  } catch {
    return undefined;
  }
}
