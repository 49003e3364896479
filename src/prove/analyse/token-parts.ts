import type { Node } from "libpg-query";
import { claimsRead, isOfToken } from "./claims.ts";
import type { Reading } from "./inline.ts";
import { joined, outerNames, part, readsRow, replace, stringOf, typeNameOf } from "./tree.ts";

export interface TokenParts {
  /** The same expression, with what AND joins of the token alone brought together. */
  readonly tree: Node;
  readonly parts: readonly Node[];
}

/** The largest conditions that read claims and nothing else: no row, no table, no clock. */
export function tokenPartsOf(whole: Node, reading: Reading, held: ReadonlySet<string>): TokenParts {
  const parts: Node[] = [];
  const isPart = (node: Node): boolean => isOfTokenAlone(node, reading, held);
  const by = (node: Node): Node | undefined => {
    if (isTruthValue(node) && isPart(node)) {
      parts.push(node);
      return node;
    }
    const bool = part(node, "BoolExpr");
    if (bool?.args === undefined) return undefined;
    const own = bool.args.filter(isPart);
    const rest = bool.args.filter((one) => !own.includes(one)).map((one) => replace(one, by));
    const all = bool.boolop === "AND_EXPR" && own.length > 1 ? [joined("AND_EXPR", own)] : own;
    parts.push(...all);
    return { BoolExpr: { ...bool, args: [...all, ...rest] } };
  };
  if (!isPart(whole)) return { tree: replace(whole, by), parts };
  return { tree: whole, parts: [whole] };
}

const compares = /^(?:=|<>|!=|[<>]=?|!?~~?\*?|@>|<@|&&|\?[|&]?|@@|@\?|\^@)$/;
const operations: ReadonlySet<string | undefined> = new Set([
  "AEXPR_OP_ANY",
  "AEXPR_OP_ALL",
  "AEXPR_IN",
  "AEXPR_LIKE",
  "AEXPR_ILIKE",
  "AEXPR_SIMILAR",
  "AEXPR_BETWEEN",
  "AEXPR_NOT_BETWEEN",
  "AEXPR_DISTINCT",
  "AEXPR_NOT_DISTINCT",
]);

/** By its form; what only its place says (a call) is found as an argument of AND, OR and NOT. */
function isTruthValue(node: Node): boolean {
  const { kind, name } = part(node, "A_Expr") ?? {};
  if (operations.has(kind) || (kind === "AEXPR_OP" && compares.test(stringOf(name?.at(-1))))) return true;
  if (/^(?:EXISTS|ANY|ALL)_/.test(part(node, "SubLink")?.subLinkType ?? "")) return true;
  if (["NullTest", "BooleanTest", "BoolExpr"].some((tag) => tag in node)) return true;
  return "TypeCast" in node && typeNameOf(node) === "bool";
}

/** Who the user is, and as which database role, makes no other token of the same user. */
const ofUser = /^(?:\*\.)?(?:sub|role)$/;

/** @param held claims that a persona holds; what none holds is asked apart, as a token's times are */
export function isOfTokenAlone(node: Node, reading: Reading, held: ReadonlySet<string>): boolean {
  if (readsRow(node) || outerNames(node).length > 0) return false;
  const { relations, volatile, readsTime } = reading.reaches.of(node);
  if (relations.size + volatile.size > 0 || readsTime) return false;
  const claims = [...claimsRead(node, reading)];
  if (claims.some((one) => isOfToken(one) || !held.has(one))) return false;
  return claims.some((one) => !ofUser.test(one));
}
