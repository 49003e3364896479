import type { Node } from "libpg-query";
import { claimsRead } from "./claims.ts";
import type { Reading } from "./inline.ts";
import { conjuncts, fieldsOf, joined, outerNames, part, readsRow, replace, walk } from "./tree.ts";

/** `exists (select … where …)` about rows of other tables alone, some of which a claim picks out. */
export interface TokenLookup {
  readonly tree: Node;
  /** What of WHERE reads claims, together. */
  readonly condition: Node;
  /** The largest parts of it that read the token alone. */
  readonly claims: readonly Node[];
}

/** @param isOfClaims reads claims that may be others', and no row */
export function tokenLookupsOf(
  whole: Node,
  reading: Reading,
  isOfClaims: (node: Node) => boolean,
): readonly TokenLookup[] {
  const found: TokenLookup[] = [];
  walk(whole, (node) => {
    const { subLinkType, subselect } = part(node, "SubLink") ?? {};
    const where = part(subselect, "SelectStmt")?.whereClause;
    if (subLinkType !== "EXISTS_SUBLINK" || where === undefined) return;
    if (readsRow(node) || outerNames(node).length > 0) return;
    const meeting = conjuncts(where)
      .map((one) => ({ one, claims: claimsIn(one, reading, isOfClaims) }))
      .filter(({ one, claims }) => claims.length > 0 && !readsTables(one));
    if (meeting.length === 0) return;
    found.push({
      tree: node,
      condition: joined(
        "AND_EXPR",
        meeting.map(({ one }) => one),
      ),
      claims: meeting.flatMap(({ claims }) => claims),
    });
  });
  return found;
}

/** The same query with something else in the place of what reads claims. */
export function withCondition({ tree, condition }: TokenLookup, other: Node): Node {
  const meeting = new Set(conjuncts(condition));
  return replace(tree, (node) => {
    const select = part(node, "SelectStmt");
    const all = conjuncts(select?.whereClause);
    if (select === undefined || !all.some((one) => meeting.has(one))) return undefined;
    const rest = all.filter((one) => !meeting.has(one));
    return { SelectStmt: { ...select, whereClause: joined("AND_EXPR", [...rest, other]) } };
  });
}

const values = ["A_Expr", "FuncCall", "TypeCast", "CoalesceExpr", "CaseExpr", "SubLink"] as const;

/** Where the condition reads a column as well. */
function claimsIn(condition: Node, reading: Reading, isOfClaims: (node: Node) => boolean): readonly Node[] {
  if (!readsColumns(condition) || claimsRead(condition, reading).size === 0) return [];
  const found: Node[] = [];
  walk(condition, (node) => {
    if (!values.some((tag) => tag in node) || !isOfClaims(node)) return true;
    found.push(node);
    return false;
  });
  return found;
}

function readsColumns(node: Node): boolean {
  let reads = false;
  walk(node, (one) => void (reads ||= fieldsOf(one) !== undefined));
  return reads;
}

function readsTables(node: Node): boolean {
  let reads = false;
  walk(node, (one) => void (reads ||= part(one, "RangeVar") !== undefined));
  return reads;
}
