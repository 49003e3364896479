import type { A_Expr, FuncCall, Node, NullTest, SelectStmt, SubLink } from "libpg-query";
import {
  asksSession,
  asksThePersona,
  bare,
  bodyFor,
  casesOf,
  deepest,
  holding,
  isForEverybody,
  isList,
  joinedArrays,
  type Place,
  queryIn,
  queryOfValue,
  questionOf,
  wanted,
} from "./opener-place.ts";
import { comparison } from "./comparable.ts";
import { absenceOf, collecting, notThere } from "./denied.ts";
import { addQueries, fromItems, targetsOf } from "./from-items.ts";
import {
  chosen,
  combinedRows,
  fewest,
  guessed,
  isMade,
  isNeverNull,
  isOfOthers,
  needNotBeEqual,
  notAlone,
  named,
  onlyColumn,
  passesOn,
  orNull,
  operandIn,
  readsTables,
  settledBy,
  together,
  unlessSentinel,
  unmetBy,
  unreadRows,
  wayOfCall,
  withUnmet,
} from "./way-parts.ts";
import {
  besideOf,
  constantOf,
  flippedOf,
  joinedWays,
  nothing,
  type Operand,
  patternOfAll,
  type Rows,
  type Way,
} from "./ties.ts";
import {
  fieldsOf,
  outerNames,
  part,
  readsRow,
  row as rowName,
  show,
  stringOf,
  withoutCasts,
} from "./tree.ts";

/** Ways in which the expression can be true, or not true. */
export function waysOf(node: Node | undefined, holds: boolean, place: Place): readonly Way[] {
  if (node === undefined) return [nothing];
  if (part(node, "TypeCast") !== undefined) return waysOf(bare(node), holds, place);
  const bool = part(node, "BoolExpr");
  if (bool?.boolop === "NOT_EXPR") return waysOf(bool.args?.[0], !holds, place);
  if (bool !== undefined) {
    // Where SELECT policies count as well, they may be the same.
    const all = [...new Set(bool.args)].map((one) => waysOf(one, holds, place));
    return (bool.boolop === "AND_EXPR") === holds ? together(all, place) : fewest(all.flat(), place);
  }
  const test = part(node, "BooleanTest");
  if (test !== undefined) return orNull(test, holds, (is) => waysOf(test.arg, is === holds, place), place);
  const isCase = part(node, "CaseExpr") !== undefined;
  const choices = isCase ? casesOf(node, holds) : part(node, "CoalesceExpr")?.args;
  const chosenWays = choices?.flatMap((one) => waysOf(one, isCase || holds, place));
  if (chosenWays !== undefined) return fewest(chosenWays, place);
  if (place.depth > 0) return waysOfPart(node, holds, place);
  const isRead = readsTables(node, place);
  return waysOfPart(node, holds, place).map((one) =>
    one.items.length > 0 || (one.unmet.length > 0 && isRead)
      ? { ...one, through: [{ tree: node, holds, absence: absenceOf(one) }] }
      : one,
  );
}

function waysOfPart(node: Node, holds: boolean, place: Place): readonly Way[] {
  const link = part(node, "SubLink");
  const settled = settledBy(wanted(node, holds), place);
  if (settled !== undefined) return settled;
  if (link !== undefined) return named(node, throughQuery(link, holds, place));
  const call = part(node, "FuncCall");
  if (call === undefined) return compared(node, holds, place);
  const name = stringOf(call.funcname?.at(-1));
  if (place.reading.schema.namesakes(name).length > 0) return named(node, throughCall(call, holds, place));
  return /^(?:bool_or|bool_and|every)$/.test(name)
    ? waysOf(call.args?.[0], holds, place)
    : unmetBy(wanted(node, holds), place);
}

/** A comparison, a column by itself, IS NULL. */
function compared(node: Node, holds: boolean, place: Place): readonly Way[] {
  const isNull = part(node, "NullTest");
  const operation = part(node, "A_Expr");
  let made: readonly Way[] | undefined;
  if (isNull !== undefined) {
    const ways = isNull.arg === undefined ? [] : nullOf(isNull.arg, place);
    if ((isNull.nulltesttype === "IS_NULL") !== holds) made = notNull(isNull, holds, place);
    else if (ways.length > 0) made = ways;
  } else if (operation === undefined) made = equalTo(node, { kind: "constant", value: String(holds) }, place);
  else made = byOperator(operation, holds, place) ?? insideOf(operation, holds, place);
  const whole = wanted(node, holds);
  if (made === undefined || !isMade(node, place)) return made ?? unmetBy(whole, place);
  return made.map((one) => withUnmet(one, whole, place.scope));
}

/** What a subquery, or a function that is one, makes of its rows is compared: a condition on these rows. */
function insideOf(operation: A_Expr, holds: boolean, place: Place): readonly Way[] | undefined {
  const [asked] = (["lexpr", "rexpr"] as const).flatMap(
    (side) =>
      queryOfValue(operation[side], place, (one) => ({ A_Expr: { ...operation, [side]: one } })) ?? [],
  );
  return asked && throughRows(asked.select, holds, asked.place);
}

/** A column that may not be NULL is none; a query has a value where it has a row. */
function notNull(test: NullTest, holds: boolean, place: Place): readonly Way[] | undefined {
  const isColumn = part(test.arg, "ColumnRef") !== undefined;
  if (isColumn && isNeverNull(test.arg && operandOf(test.arg, place)?.operand)) return [nothing];
  const asked = queryOfValue(test.arg, place, (arg) => ({ NullTest: { ...test, arg } }));
  return asked && throughRows(asked.select, holds, asked.place);
}

/** `undefined`: no value is known for which it holds. */
function byOperator(operation: A_Expr, holds: boolean, place: Place): readonly Way[] | undefined {
  const { kind, name, lexpr, rexpr } = operation;
  const operator = stringOf(name?.at(-1)).replace("!=", "<>");
  const values = part(rexpr, "List")?.items ?? part(rexpr && withoutCasts(rexpr), "A_ArrayExpr")?.elements;
  const [from, to] = values ?? [];
  if (kind === "AEXPR_BETWEEN" && holds && lexpr !== undefined && from !== undefined && to !== undefined)
    return together(
      [comparison(lexpr, ">=", from), comparison(lexpr, "<=", to)].map((one) => waysOf(one, true, place)),
      place,
    );
  if (values !== undefined && /^(?:=|<>)$/.test(operator)) {
    const ways =
      (operator === "=") === holds ? values.slice(0, 4).map((one) => equal(lexpr, one, place)) : [];
    return ways.length === 0 || ways.includes(undefined) ? undefined : ways.flatMap((one) => one ?? []);
  }
  if (kind === "AEXPR_OP_ANY") {
    const ways = holds && operator === "=" ? equal(lexpr, rexpr, place) : undefined;
    const isOfRows = rexpr !== undefined && operandOf(rexpr, place)?.operand.kind === "slot";
    return isOfRows ? ways : ways?.map((one) => withUnmet(one, { A_Expr: operation }, place.scope));
  }
  if (!/^AEXPR_(?:OP|I?LIKE|NOT_DISTINCT|DISTINCT)$/.test(kind ?? "")) return undefined;
  // IS DISTINCT FROM is written with the name of `=`.
  const unequal = operator === "<>" || kind === "AEXPR_DISTINCT";
  if ((unequal || operator === "=") && unequal !== holds) return equal(lexpr, rexpr, place);
  const [left, right] = [lexpr, rexpr].map((one) => one && operandOf(one, place)?.operand);
  if (unequal || operator === "=") return isOfOthers(left, right) ? [nothing] : undefined;
  const ofLeft = besideOf(operator, holds, right);
  if (ofLeft !== undefined) return equalTo(lexpr, ofLeft, place);
  const ofRight = patternOfAll(operator, holds, right) ?? besideOf(flippedOf(operator), holds, left);
  if (ofRight !== undefined) return equalTo(rexpr, ofRight, place);
  // What is equal is neither more nor less.
  return /^[<>]=$/.test(operator) && holds && !needNotBeEqual(left, right)
    ? equal(lexpr, rexpr, place)
    : undefined;
}

function equal(left: Node | undefined, right: Node | undefined, place: Place): readonly Way[] | undefined {
  const plain = plainlyEqual(left, right, place);
  const nulls = [left, right].flatMap((one, index, sides) => whenNull(one, sides[1 - index], place));
  return nulls.length === 0 ? plain : [...(plain ?? []), ...nulls];
}

/** `coalesce(s.usr, auth.uid()) = auth.uid()`: NULL stands for what follows it. */
function whenNull(side: Node | undefined, other: Node | undefined, place: Place): readonly Way[] {
  const [first, second] = part(side && withoutCasts(side), "CoalesceExpr")?.args ?? [];
  if (first === undefined || second === undefined) return [];
  const same = other !== undefined && show(withoutCasts(second)) === show(withoutCasts(other));
  return together(
    [nullOf(first, place), same ? [nothing] : (plainlyEqual(second, other, place) ?? [])],
    place,
  );
}

/** `nullif(s.usr, '0000…')` is NULL for that value, too. */
function nullOf(node: Node, place: Place): readonly Way[] {
  const [value, sentinel] = unlessSentinel(bare(node));
  const isSentinel = sentinel === undefined ? [] : (plainlyEqual(value, sentinel, place) ?? []);
  // A query without a row.
  const none = queryOfValue(value, place, (one) => one) === undefined ? [] : [nothing];
  return [...none, ...isSentinel, ...(equalTo(value, { kind: "constant", value: null }, place) ?? [])];
}

function plainlyEqual(
  left: Node | undefined,
  right: Node | undefined,
  place: Place,
): readonly Way[] | undefined {
  const other = right && operandOf(right, place);
  if (other === undefined) return undefined;
  return equalTo(left, other.operand, place)?.map((one) => joinedWays(other.way, one));
}

function equalTo(node: Node | undefined, to: Operand, place: Place): readonly Way[] | undefined {
  const own = node && operandOf(node, place);
  return own && [joinedWays(own.way, { ...nothing, equal: [[own.operand, to]] })];
}

/** What an expression's value is, and the rows that it comes from. */
function operandOf(node: Node, place: Place): { readonly operand: Operand; readonly way: Way } | undefined {
  const inner = withoutCasts(node);
  const called = stringOf(part(inner, "FuncCall")?.funcname?.at(-1));
  const [of = "", name = ""] = fieldsOf(inner) ?? [];
  if (of === rowName && name !== "") return { operand: { kind: "column", name }, way: nothing };
  const item = place.scope.get(of);
  const operand = item && operandIn(item, name);
  if (item !== undefined) return operand && { operand, way: nothing };
  const constant = part(inner, "A_Const");
  if (constant !== undefined)
    return { operand: { kind: "constant", value: constantOf(constant) }, way: nothing };
  const listed = isList(inner, place) ? scalarOf(inner, place) : undefined;
  if (listed !== undefined && listed.way.items.length > 0) return listed;
  if (!readsRow(inner) && outerNames(inner).length === 0) {
    // What tables say that has nothing to do with the persona: a row of a configuration.
    const setting = scalarOf(inner, place);
    if (setting !== undefined && setting.way.items.length > 0 && !asksThePersona(setting.way, place.reading))
      return setting;
    if (!readsTables(inner, place) || asksSession(inner, place.reading)) {
      const question = place.reading.schema.aggregates.has(called) ? undefined : questionOf(inner, place);
      const kind = isForEverybody(inner, place) ? "value" : "persona";
      return question && { operand: { kind, question }, way: wayOfCall(inner, place) };
    }
  }
  const added = joinedArrays(inner, place);
  if (added !== undefined) return operandOf(added, place);
  const call = part(inner, "FuncCall");
  const [arg] = call?.args ?? part(inner, "CoalesceExpr")?.args ?? [];
  if (arg !== undefined && passesOn.test(called)) return operandOf(arg, place);
  return scalarOf(inner, place);
}

/** The value of a subquery, or of a function that is one. */
function scalarOf(node: Node, place: Place): { readonly operand: Operand; readonly way: Way } | undefined {
  const query = queryIn(node, place);
  const found = query && firstRow(query.select, query.place);
  const operand = found && onlyColumn(found);
  return operand && { operand, way: { ...found.way, sql: show(node) } };
}

function throughQuery(link: SubLink, holds: boolean, place: Place): readonly Way[] {
  const { subLinkType, subselect, testexpr, operName } = link;
  const select = part(subselect, "SelectStmt");
  if (subLinkType === "EXPR_SUBLINK" && select !== undefined) return throughRows(select, holds, place);
  if (!holds) return notThere(link, place, () => throughQuery(link, true, place));
  const compares = /^=?$/.test(stringOf(operName?.at(-1)));
  if (
    select === undefined ||
    (subLinkType !== "EXISTS_SUBLINK" && !(subLinkType === "ANY_SUBLINK" && compares))
  )
    return unmetBy({ SubLink: link }, place);
  const tests = part(testexpr, "RowExpr")?.args ?? (testexpr === undefined ? [] : [testexpr]);
  const { inside, collect } = collecting(place);
  const ways = rowsOf(select, inside).flatMap(({ way, columns }) => {
    if (subLinkType === "EXISTS_SUBLINK") return [way];
    const equalities = tests.map((one, index) => {
      const target = [...columns.values()][index];
      return (target && equalTo(one, target, place)) ?? unmetBy({ SubLink: link }, place);
    });
    return together(equalities, place).map((one) => joinedWays(way, one));
  });
  collect(ways[0]);
  return ways;
}

/** A function that is a condition: its body is read; of one that cannot be, what it takes may be what its tables hold. */
function throughCall(call: FuncCall, holds: boolean, place: Place): readonly Way[] {
  const body = bodyFor(call, place);
  // Of a row of another table.
  if (body === undefined && outerNames({ FuncCall: call }).some((name) => place.scope.has(name)))
    return unmetBy(wanted({ FuncCall: call }, holds), place);
  if (body === undefined) {
    const given = (call.args ?? []).flatMap((one) => operandOf(one, place)?.operand ?? []);
    return holds ? guessed(call, given, place) : [nothing];
  }
  const { targetList, fromClause, whereClause, withClause } = body.select;
  const value = part(targetList?.[0], "ResTarget")?.val;
  if ((fromClause ?? withClause) === undefined)
    return together([waysOf(value, holds, body.place), waysOf(whereClause, true, body.place)], body.place);
  return throughRows(body.select, holds, body.place);
}

function throughRows(select: SelectStmt, holds: boolean, place: Place): readonly Way[] {
  return rowsOf(holding(select, holds), place).map(({ way }) => way);
}

/** One row of each table of a query, such that the query has a row; and what the columns of that are. */
export function rowsOf(select: SelectStmt, place: Place): readonly Rows[] {
  if (place.depth > deepest) return unreadRows(select, place);
  // What a recursive query starts with is one of its rows.
  const { larg, rarg, withClause } = select;
  if (larg !== undefined && rarg !== undefined)
    return combinedRows(select, [rowsOf(larg, place), rowsOf(rarg, place)], place);
  const scope = new Map(place.scope);
  const { inside: own, collect } = collecting(place);
  const inside: Place = { ...own, scope, depth: place.depth + 1 };
  addQueries(withClause, inside, firstRow, scope);
  const { way, quals } = fromItems(select.fromClause ?? [], inside, firstRow, scope);
  const where = together(
    [
      ...[...quals, select.whereClause, select.havingClause].map((one) => waysOf(one, true, inside)),
      notAlone(select, scope),
    ],
    inside,
  );
  collect(joinedWays(way, where[0] ?? nothing));
  const targets = targetsOf(select, scope, (node) => operandOf(node, inside));
  const columns = new Map(targets.map(({ name, value }) => [name, value?.operand]));
  const all = targets.reduce((sum, { value }) => joinedWays(sum, value?.way ?? nothing), way);
  return where.map((one) => ({ way: joinedWays(all, one), columns }));
}

function firstRow(select: SelectStmt | undefined, place: Place): Rows | undefined {
  return select === undefined ? undefined : chosen(rowsOf(select, place), place);
}
