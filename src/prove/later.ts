import type { Node } from "libpg-query";
import { parseExpression } from "../lib/sql-tree.ts";
import { printedCondition, type Condition } from "./analyse/policy.ts";
import { part, printExpression, readsRow, replace, show, stringOf, walk } from "./analyse/tree.ts";
import type { Context } from "./context.ts";
import { contrastWith } from "./contrast.ts";
import type { Row } from "./ask/evaluate.ts";

/** How far ahead a policy is asked. Its own columns need no such question: the rows that were compared hold every moment. */
const ahead = ["1 day", "7 days", "31 days", "366 days", "100 years"] as const;

/**
 * Sub-expressions that read the time and another relation's moments (an embargo, a membership that begins): those for which
 * the policy lets more rows through at a later moment than the matrix then declares, the other tables as they are.
 * The time within a function's body that is not part of the expression is not moved.
 */
export async function opensLater(
  tree: Node | undefined,
  opens: (later: Node, by: string) => Promise<boolean>,
): Promise<readonly string[]> {
  if (tree === undefined) return [];
  const parts = timedSubqueries(tree);
  if (parts.length === 0) return [];
  for (const by of ahead) if (await opens(moved(tree, by), by)) return parts.map(show);
  return [];
}

/** Of rows that were compared: does the policy let more of them through then than the matrix declares then? */
export function contrastLater(
  context: Context,
  declared: Condition,
  rows: readonly Row[],
): (later: Node, by: string) => Promise<boolean> {
  return (later, by) => {
    const then = declared.tree === undefined ? declared : printedCondition(moved(declared.tree, by));
    return contrastWith(context, later, then, rows, false);
  };
}

function timedSubqueries(tree: Node): readonly Node[] {
  const found: Node[] = [];
  walk(tree, (node) => {
    if (part(node, "SubLink") === undefined) return true;
    if (readsRow(node) && readsClock(node)) found.push(node);
    return false;
  });
  return found;
}

function readsClock(tree: Node): boolean {
  let reads = false;
  walk(tree, (node) => {
    reads ||= clockOf(node) !== undefined;
  });
  return reads;
}

function moved(tree: Node, by: string): Node {
  return replace(tree, (node) => {
    const type = clockOf(node);
    if (type === undefined) return undefined;
    return parseExpression(`((${printExpression(node)}) + interval '${by}')::${type}`);
  });
}

/** The type of an expression that is the present moment; `undefined`: it is another expression. */
function clockOf(node: Node): string | undefined {
  const name = stringOf(part(node, "FuncCall")?.funcname?.at(-1));
  if (/^(?:now|(?:transaction|statement|clock)_timestamp)$/.test(name)) return "timestamptz";
  const value = part(node, "SQLValueFunction")?.op ?? "";
  if (value.endsWith("CURRENT_DATE")) return "date";
  if (/CURRENT_TIMESTAMP/.test(value)) return "timestamptz";
  return /LOCALTIMESTAMP/.test(value) ? "timestamp" : undefined;
}
