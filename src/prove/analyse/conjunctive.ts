import type { Node, SelectStmt, SubLink } from "libpg-query";
import { comparison, pairsOf } from "./comparable.ts";
import {
  all,
  bare,
  type Conjunction,
  exactBody,
  few,
  named,
  nothing,
  unknown,
  type Within,
} from "./conjunction.ts";
import { rowsOf } from "./conjunctive-query.ts";
import type { Reading } from "./inline.ts";
import { outermost } from "./opener-place.ts";
import type { ProofRelation } from "./schema.ts";
import { familyOfType, isClosed, literalOf } from "./terms.ts";
import { constantOf } from "./ties.ts";
import { cast, onlyValue, part, replace, row, stringOf, typeNameOf, withoutCasts } from "./tree.ts";
import { isComparison } from "./widen.ts";

/**
 * A condition on a row as alternatives, each of rows of tables and of what must hold of them.
 * @param weak where the condition is true, so is one of them; else: where one of them is true, so is the condition
 * @throws TooManyWays
 */
export function conjunctionsOf(
  tree: Node,
  relation: ProofRelation,
  reading: Reading,
  weak: boolean,
): readonly Conjunction[] {
  const none = { sources: new Map(), queries: new Map(), tables: new Map([[row, relation]]) };
  return conditions(tree, { place: outermost(reading), relation, weak, conditions, ...none });
}

function conditions(node: Node | undefined, here: Within): readonly Conjunction[] {
  if (node === undefined) return [nothing];
  return few(
    settled(node, here) ??
      connected(node, here) ??
      throughQuery(node, here) ??
      compared(node, here) ??
      literal(node, here),
  );
}

/** What reads neither rows nor tables is true, or it is not. */
function settled(node: Node, { place: { reading }, tables }: Within): readonly Conjunction[] | undefined {
  if (part(node, "A_Const") !== undefined || !isClosed(node)) return undefined;
  const found = literalOf(node, tables, reading);
  return found && [{ rows: [], literals: [found] }];
}

function literal(node: Node, here: Within): readonly Conjunction[] {
  const found = literalOf(named(node, here), here.tables, here.place.reading);
  return found === undefined ? unknown(here) : [{ rows: [], literals: [found] }];
}

/** AND, OR, NOT, IS TRUE, COALESCE, CASE and constants. */
function connected(node: Node, here: Within): readonly Conjunction[] | undefined {
  const constant = part(node, "A_Const");
  if (constant !== undefined) return ofConstant(constantOf(constant), here);
  const made = part(node, "TypeCast");
  if (made?.arg !== undefined && typeNameOf(node) === "bool" && made.typeName?.arrayBounds === undefined)
    return conditions(made.arg, here);
  const bool = part(node, "BoolExpr");
  const args = bool?.args ?? [];
  if (bool?.boolop === "NOT_EXPR") return negated(args[0], here);
  if (bool?.boolop === "AND_EXPR") return all(args.map((one) => () => conditions(one, here)));
  if (bool !== undefined) return args.flatMap((one) => conditions(one, here));
  const test = part(node, "BooleanTest");
  if (test?.booltesttype === "IS_TRUE") return conditions(test.arg, here);
  const values = part(node, "CoalesceExpr")?.args;
  // One of them is its value; the first is, where it is true.
  if (values !== undefined)
    return (here.weak ? values : values.slice(0, 1)).flatMap((one) => conditions(one, here));
  return part(node, "CaseExpr") === undefined ? undefined : cases(node, here);
}

/** `'t'`, `'yes'`, and the 1 that PL/pgSQL returns are other words for it. */
function ofConstant(value: string | null, here: Within): readonly Conjunction[] {
  if (value === null || value === "false") return [];
  return value === "true" ? [nothing] : unknown(here);
}

function cases(node: Node, here: Within): readonly Conjunction[] {
  const { arg, args = [], defresult } = part(node, "CaseExpr") ?? {};
  const arms = args.map((one) => {
    const { expr, result } = part(one, "CaseWhen") ?? {};
    const when = arg === undefined || expr === undefined ? expr : comparison(arg, "=", expr);
    return all([() => conditions(when, here), () => conditions(result, here)]);
  });
  if (!here.weak) return arms[0] ?? [];
  return [...arms.flat(), ...(defresult === undefined ? [] : conditions(defresult, here))];
}

const not = (one: Node): Node => ({ BoolExpr: { boolop: "NOT_EXPR", args: [one] } });

function negated(node: Node | undefined, here: Within): readonly Conjunction[] | undefined {
  const bool = part(node, "BoolExpr");
  const args = bool?.args ?? [];
  if (bool?.boolop === "NOT_EXPR") return conditions(args[0], here);
  if (bool?.boolop === "OR_EXPR") return all(args.map((one) => () => conditions(not(one), here)));
  return bool === undefined ? undefined : args.flatMap((one) => conditions(not(one), here));
}

/** EXISTS, IN, and a query or a function whose value is the condition. */
function throughQuery(node: Node, here: Within): readonly Conjunction[] | undefined {
  const link = part(node, "SubLink");
  const select = part(link?.subselect, "SelectStmt");
  if (link !== undefined && select !== undefined) {
    const value = link.subLinkType === "EXPR_SUBLINK" ? onlyValue(select) : undefined;
    if (value !== undefined) return conditions(value, here);
    if (link.subLinkType === "EXISTS_SUBLINK")
      return rowsOf(select, here).map(({ conjunction }) => conjunction);
    if (link.subLinkType === "ANY_SUBLINK" && (link.operName === undefined || isPlainEqual(link.operName)))
      return isMember(link, select, here);
    return here.weak && link.subLinkType === "EXPR_SUBLINK" ? ofQuery(select, here, (one) => one) : undefined;
  }
  const body = here.weak && part(node, "FuncCall") !== undefined ? exactBody(node, here) : undefined;
  if (body === undefined) return undefined;
  const value = onlyValue(body.select);
  return value === undefined ? ofQuery(body.select, body.here, (one) => one) : conditions(value, body.here);
}

/** Not one of another schema. */
function isPlainEqual(name: readonly Node[]): boolean {
  return name.length === 1 && stringOf(name[0]) === "=";
}

function isMember({ testexpr }: SubLink, select: SelectStmt, here: Within): readonly Conjunction[] {
  const tests = part(testexpr, "RowExpr")?.args ?? (testexpr === undefined ? [] : [testexpr]);
  return rowsOf(select, here, true).flatMap(({ conjunction, columns }) =>
    all([
      () => [conjunction],
      ...tests.map((one, index) => () => {
        const value = columns[index]?.[1];
        return value === undefined
          ? unknown(here)
          : conditions(comparison(named(one, here), "=", value), bare(here));
      }),
    ]),
  );
}

/** Where a condition on the value of a query is true, it has a row for whose value it is. */
function ofQuery(select: SelectStmt, here: Within, on: (value: Node) => Node): readonly Conjunction[] {
  return rowsOf(select, here, true).flatMap(({ conjunction, columns }) => {
    const value = columns[0]?.[1];
    return value === undefined
      ? [conjunction]
      : all([() => [conjunction], () => conditions(on(value), bare(here))]);
  });
}

/** Comparisons with lists, and with queries. */
function compared(node: Node, here: Within): readonly Conjunction[] | undefined {
  const { kind, name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
  if (lexpr === undefined || rexpr === undefined) return undefined;
  const isEqual = name?.length === 1 && stringOf(name[0]) === "=";
  if (kind === "AEXPR_BETWEEN") {
    const [least, most] = part(rexpr, "List")?.items ?? [];
    const sides = least && most && [comparison(lexpr, ">=", least), comparison(lexpr, "<=", most)];
    return sides && all(sides.map((one) => () => conditions(one, here)));
  }
  if (isEqual && (kind === "AEXPR_IN" || kind === "AEXPR_OP_ANY")) return isListed(lexpr, rexpr, here);
  const pairs = isEqual && kind === "AEXPR_OP" ? pairsOf(lexpr, rexpr) : undefined;
  if (pairs !== undefined)
    return all(
      pairs.map(
        ([a, b]) =>
          () =>
            conditions(comparison(a, "=", b), here),
      ),
    );
  return here.weak && kind === "AEXPR_OP" && isComparison(name) ? withQuery(node, here) : undefined;
}

function isListed(value: Node, list: Node, here: Within): readonly Conjunction[] | undefined {
  // By more than one cast an element may become another value.
  const made = part(list, "TypeCast");
  const inner = made?.arg ?? list;
  const elements = part(list, "List")?.items ?? part(inner, "A_ArrayExpr")?.elements;
  if (elements !== undefined)
    return elements.flatMap((one) => conditions(comparison(value, "=", withTypeOf(list, one)), here));
  const link = part(inner, "SubLink");
  const select = part(link?.subselect, "SelectStmt");
  if (link?.subLinkType !== "ARRAY_SUBLINK" || select === undefined) return undefined;
  const isShortened = made?.typeName?.typmods !== undefined;
  if (made !== undefined && (isShortened || familyOfType(typeNameOf(list)) !== "text")) return undefined;
  return isMember({ ...link, testexpr: value }, select, here);
}

/** `array['a', 'b']::text[]`: each element is of that type. */
function withTypeOf(list: Node, element: Node): Node {
  const type = part(list, "TypeCast")?.typeName;
  if (type === undefined || part(element, "TypeCast") !== undefined) return element;
  const { arrayBounds: _, ...typeName } = type;
  return { TypeCast: { arg: element, typeName } };
}

/** `org = (select …)`, and where a function that is one stands in its place. */
function withQuery(node: Node, here: Within): readonly Conjunction[] | undefined {
  const { lexpr, rexpr } = part(node, "A_Expr") ?? {};
  for (const [side, other] of [
    [lexpr, rexpr],
    [rexpr, lexpr],
  ]) {
    const inner = side && withoutCasts(side);
    if (side === undefined || inner === undefined || other === undefined) continue;
    const on = (value: Node): Node =>
      replace(node, (one) => (one === inner ? value : one === other ? named(other, here) : undefined));
    const link = part(inner, "SubLink");
    const select = link?.subLinkType === "EXPR_SUBLINK" ? part(link.subselect, "SelectStmt") : undefined;
    if (select?.fromClause !== undefined) return ofQuery(select, here, on);
    const readsTables = here.place.reading.reaches.of(inner).relations.size > 0;
    const body = readsTables && part(inner, "FuncCall") !== undefined ? exactBody(inner, here) : undefined;
    if (body === undefined || body.isSet) continue;
    const asReturned = (value: Node): Node => on(cast(value, body.returns));
    const only = onlyValue(body.select);
    return only === undefined
      ? ofQuery(body.select, body.here, asReturned)
      : conditions(asReturned(only), bare(here));
  }
  return undefined;
}
