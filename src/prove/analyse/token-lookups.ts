import type { Node } from "libpg-query";
import { claimsRead } from "./claims.ts";
import type { Reading } from "./inline.ts";
import {
  conjuncts,
  fieldsOf,
  joined,
  outerNames,
  part,
  readsRow,
  replace,
  stringOf,
  walk,
  withoutCasts,
} from "./tree.ts";

/** A subquery about rows of other tables, some of which a claim picks out. */
export interface TokenLookup {
  readonly tree: Node;
  /** What of WHERE reads claims, together. */
  readonly condition: Node;
  /** The largest parts of it that read the token alone. */
  readonly claims: readonly Node[];
}

/**
 * @param declared what the matrix says: where it reads the same table, it speaks of what the claim picks out there
 * @param isOfClaims reads claims that may be others', and no row
 */
export function tokenLookupsOf(
  whole: Node,
  declared: Node | undefined,
  reading: Reading,
  isOfClaims: (node: Node) => boolean,
): readonly TokenLookup[] {
  const said = declared === undefined ? new Set<string>() : reading.reaches.of(declared).relations;
  const found: TokenLookup[] = [];
  walk(whole, (node) => {
    const { subLinkType, subselect } = part(node, "SubLink") ?? {};
    const where = part(subselect, "SelectStmt")?.whereClause;
    if (subLinkType === undefined || where === undefined || outerNames(node).length > 0) return;
    const meeting = conjuncts(where)
      .map((one) => ({ one, claims: claimsIn(one, reading, isOfClaims) }))
      .filter(({ one, claims }) => claims.length > 0 && !readsTables(one));
    if (meeting.length === 0) return;
    const ofRow = subLinkType !== "EXISTS_SUBLINK" || readsRow(node);
    // Who is a member of what is for the matrix to say; and rows that are there decide, not what a claim is by itself.
    const isSaid = [...reading.reaches.of(node).relations].some((one) => said.has(one));
    if (
      ofRow &&
      (isSaid ||
        meeting.some(({ one }) => readsRow(one)) ||
        !meeting.some(({ claims }) => claims.some(isMadeOfClaims)))
    )
      return;
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

/** A text that is made of claims, and no claim by itself, which is tried with the values of the column. */
function isMadeOfClaims(node: Node): boolean {
  const made = withoutCasts(node);
  const called = stringOf(part(made, "FuncCall")?.funcname?.at(-1));
  if (part(made, "FuncCall") !== undefined)
    return !/^(?:lower|upper|btrim|jwt|email|uid|current_setting)$/.test(called);
  return (
    part(made, "A_Expr") !== undefined &&
    !/^(?:->>?|#>>?)$/.test(stringOf(part(made, "A_Expr")?.name?.at(-1)))
  );
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
