import type { A_Expr, FuncCall, Node, SelectStmt, SubLink } from "libpg-query";
import type { Reading } from "./inline.ts";
import { persona } from "./question.ts";
import {
  bodyFor,
  casesOf,
  deepest,
  holding,
  isList,
  isTable,
  type Place,
  questionOf,
  type Rows,
  viewQuery,
} from "./opener-place.ts";
import type { ProofRelation } from "./schema.ts";
import {
  besideOf,
  constantOf,
  flippedOf,
  type Item,
  joinedWays,
  nothing,
  type Operand,
  type Tie,
  tied,
  type Way,
  withoutItself,
} from "./ties.ts";
import {
  fieldsOf,
  fromItemName,
  outerNames,
  part,
  readsRow,
  row as rowName,
  show,
  stringOf,
  withoutCasts,
} from "./tree.ts";

/**
 * Ways in which a condition could be true if other tables had other rows: for each, one row of each table that it reads, and what their
 * columns have in common with each other and with the row that the condition is about. Guesses: each is put in, and asked about.
 */
export interface Opener {
  /** The subquery, or the call. */
  readonly sql: string;
  readonly items: readonly Item[];
  readonly ties: readonly Tie[];
}

const wayLimit = 24;

const known = new WeakMap<Node, readonly Opener[]>();

/** The same for every persona. */
export function openersOf(tree: Node, relation: ProofRelation, reading: Reading): readonly Opener[] {
  const found = known.get(tree) ?? read(tree, relation, reading);
  known.set(tree, found);
  return found;
}

function read(tree: Node, relation: ProofRelation, reading: Reading): readonly Opener[] {
  const place: Place = { reading, actor: persona, scope: new Map(), depth: 0 };
  return waysOf(tree, true, place).flatMap((way) => {
    const { items, equal: pairs, sql } = withoutItself(way, relation);
    return items.length === 0 || items.length > 4
      ? []
      : [{ sql: sql ?? show(tree), items, ties: tied(pairs) }];
  });
}

/** Ways in which a view, or a call of a function, could have a row more. */
export function openersOfRows(of: ProofRelation | FuncCall, reading: Reading): readonly Opener[] {
  const place: Place = { reading, actor: persona, scope: new Map(), depth: 0 };
  const isView = "definition" in of;
  const body = isView ? { select: viewQuery(of, place), place } : bodyFor(of, place);
  const sql = isView ? of.name : show({ FuncCall: of });
  return (body?.select === undefined ? [] : rowsOf(body.select, body.place)).flatMap(
    ({ way: { items, equal: pairs } }) =>
      items.length === 0 || items.length > 4 ? [] : [{ sql, items, ties: tied(pairs) }],
  );
}

/** Ways in which the expression can be true, or not true. */
function waysOf(node: Node | undefined, holds: boolean, place: Place): readonly Way[] {
  if (node === undefined) return [nothing];
  const bool = part(node, "BoolExpr");
  if (bool?.boolop === "NOT_EXPR") return waysOf(bool.args?.[0], !holds, place);
  if (bool !== undefined) {
    // Where SELECT policies count as well, they may be the same.
    const all = [...new Set(bool.args)].map((one) => waysOf(one, holds, place));
    return (bool.boolop === "AND_EXPR") === holds ? together(all) : all.flat().slice(0, wayLimit);
  }
  const test = part(node, "BooleanTest");
  if (test !== undefined)
    return waysOf(test.arg, /IS_(?:NOT_FALSE|TRUE)/.test(test.booltesttype ?? "") === holds, place);
  const choices = part(node, "CoalesceExpr")?.args ?? (part(node, "CaseExpr") && casesOf(node));
  if (choices !== undefined) return choices.flatMap((one) => waysOf(one, holds, place)).slice(0, wayLimit);
  const link = part(node, "SubLink");
  if (link !== undefined) return holds ? named(node, throughQuery(link, place)) : [nothing];
  const call = part(node, "FuncCall");
  if (call !== undefined) return holds ? named(node, throughCall(call, place)) : [nothing];
  return compared(node, holds, place);
}

function named(node: Node, ways: readonly Way[]): readonly Way[] {
  return ways.map((one) => (one.items.length > 0 ? { ...one, sql: show(node) } : one));
}

function together(all: readonly (readonly Way[])[]): readonly Way[] {
  return all.reduce(
    (ways, more) => ways.flatMap((one) => more.map((other) => joinedWays(one, other))).slice(0, wayLimit),
    [nothing],
  );
}

/** A comparison, a column by itself, IS NULL. */
function compared(node: Node, holds: boolean, place: Place): readonly Way[] {
  const isNull = part(node, "NullTest");
  if (isNull !== undefined) {
    const wanted = (isNull.nulltesttype === "IS_NULL") === holds;
    return wanted ? equalTo(isNull.arg, { kind: "constant", value: null }, place) : [nothing];
  }
  const comparison = part(node, "A_Expr");
  if (comparison !== undefined) return byOperator(comparison, holds, place);
  return equalTo(node, { kind: "constant", value: String(holds) }, place);
}

function byOperator({ kind, name, lexpr, rexpr }: A_Expr, holds: boolean, place: Place): readonly Way[] {
  const operator = stringOf(name?.at(-1)).replace("!=", "<>");
  const values = part(rexpr, "List")?.items ?? part(rexpr && withoutCasts(rexpr), "A_ArrayExpr")?.elements;
  if (values !== undefined && (operator === "=") === holds)
    return values.slice(0, 4).flatMap((one) => equal(lexpr, one, place));
  if (values !== undefined) return [nothing];
  if (kind === "AEXPR_OP_ANY") return holds && rexpr !== undefined ? equal(lexpr, rexpr, place) : [nothing];
  const equals = operator === "=" || kind === "AEXPR_NOT_DISTINCT";
  if (equals || operator === "<>" || kind === "AEXPR_DISTINCT")
    return equals === holds ? equal(lexpr, rexpr, place) : [nothing];
  const [left, right] = [lexpr, rexpr].map((one) => one && operandOf(one, place)?.operand);
  const beside = besideOf(operator, holds, right) ?? besideOf(flippedOf(operator), holds, left);
  return beside === undefined ? [nothing] : equalTo(left?.kind === "constant" ? rexpr : lexpr, beside, place);
}

function equal(left: Node | undefined, right: Node | undefined, place: Place): readonly Way[] {
  const other = right && operandOf(right, place);
  if (other === undefined) return [nothing];
  return equalTo(left, other.operand, place).map((one) => joinedWays(other.way, one));
}

function equalTo(node: Node | undefined, to: Operand, place: Place): readonly Way[] {
  const own = node && operandOf(node, place);
  return own === undefined ? [nothing] : [joinedWays(own.way, { ...nothing, equal: [[own.operand, to]] })];
}

/** What an expression's value is, and the rows that it comes from. */
function operandOf(node: Node, place: Place): { readonly operand: Operand; readonly way: Way } | undefined {
  const inner = withoutCasts(node);
  const [of = "", name = ""] = fieldsOf(inner) ?? [];
  if (of === rowName && name !== "") return { operand: { kind: "column", name }, way: nothing };
  const item = place.scope.get(of);
  if (item !== undefined) {
    const operand = "relation" in item ? slotOf(item, name) : (item.columns.get(name) ?? onlyColumn(item));
    return operand && { operand, way: nothing };
  }
  const constant = part(inner, "A_Const");
  if (constant !== undefined)
    return { operand: { kind: "constant", value: constantOf(constant) }, way: nothing };
  const listed = isList(inner, place) ? scalarOf(inner, place) : undefined;
  if (listed !== undefined && listed.way.items.length > 0) return listed;
  if (!readsRow(inner) && outerNames(inner).length === 0) {
    const question = questionOf(inner, place);
    return question && { operand: { kind: "persona", question }, way: nothing };
  }
  const call = part(inner, "FuncCall");
  const [arg] = call?.args ?? part(inner, "CoalesceExpr")?.args ?? [];
  if (arg !== undefined && /^(?:|lower|upper|btrim|array_agg|unnest)$/.test(stringOf(call?.funcname?.at(-1))))
    return operandOf(arg, place);
  return scalarOf(inner, place);
}

/** The value of a subquery, or of a function that is one. */
function scalarOf(node: Node, place: Place): { readonly operand: Operand; readonly way: Way } | undefined {
  const call = part(node, "FuncCall");
  const body = call && bodyFor(call, place);
  const select = body?.select ?? part(part(node, "SubLink")?.subselect, "SelectStmt");
  if (select === undefined) return undefined;
  const found = firstRow(select, body?.place ?? place);
  const operand = found && onlyColumn(found);
  return operand && { operand, way: { ...found.way, sql: show(node) } };
}

function onlyColumn({ columns }: Rows): Operand | undefined {
  return columns.size === 1 ? [...columns.values()][0] : undefined;
}

function throughQuery({ subLinkType, subselect, testexpr, operName }: SubLink, place: Place): readonly Way[] {
  const select = part(subselect, "SelectStmt");
  if (select === undefined || subLinkType === "ALL_SUBLINK") return [nothing];
  const compares =
    subLinkType === "ANY_SUBLINK" && (operName === undefined || stringOf(operName.at(-1)) === "=");
  const tests = part(testexpr, "RowExpr")?.args ?? (testexpr === undefined ? [] : [testexpr]);
  return rowsOf(subLinkType === "EXPR_SUBLINK" ? holding(select) : select, place).flatMap(
    ({ way, columns }) => {
      if (subLinkType === "EXISTS_SUBLINK") return [way];
      const targets = [...columns.values()];
      if (subLinkType === "EXPR_SUBLINK")
        return targets[0] === undefined
          ? [way]
          : [{ ...way, equal: [...way.equal, [targets[0], isTrue] as const] }];
      const equalities = compares
        ? tests.map((one, index) => {
            const target = targets[index];
            return target === undefined ? [nothing] : equalTo(one, target, place);
          })
        : [];
      return together(equalities).map((one) => joinedWays(way, one));
    },
  );
}

const isTrue: Operand = { kind: "constant", value: "true" };

/** A function that is a condition: its body is read; of one that cannot be, what it takes may be what its tables hold. */
function throughCall(call: FuncCall, place: Place): readonly Way[] {
  const body = bodyFor(call, place);
  if (body === undefined) return guessed(call, place);
  const { targetList, fromClause, whereClause } = body.select;
  const value = part(targetList?.[0], "ResTarget")?.val;
  if (fromClause === undefined)
    return together([waysOf(value, true, body.place), waysOf(whereClause, true, body.place)]);
  return rowsOf(holding(body.select), body.place).map(({ way, columns }) => {
    const [target] = columns.values();
    return target === undefined ? way : { ...way, equal: [...way.equal, [target, isTrue]] };
  });
}

/** For each table that the function reads a row with an argument in each column of its type. */
function guessed(call: FuncCall, place: Place): readonly Way[] {
  const { reaches, schema } = place.reading;
  const operands = (call.args ?? []).flatMap((one) => operandOf(one, place)?.operand ?? []);
  const columns = operands.flatMap((one) => (one.kind === "column" ? [one] : []));
  if (columns.length === 0) return [nothing];
  const names = reaches.of({ FuncCall: call }).relations;
  const ways = [...schema.relations].flatMap((relation) => {
    if (!names.has(`${relation.schema}.${relation.name}`) || !isTable(relation)) return [];
    const item: Item = { relation };
    const all = relation.columns.flatMap((one) =>
      one.base === "boolean" ? [[slotOf(item, one.name), isTrue] as const] : [],
    );
    return relation.columns
      .filter(({ base }) => base !== "boolean")
      .slice(0, 4)
      .flatMap(({ name }) =>
        columns.map(
          (column): Way => ({ items: [item], equal: [[slotOf(item, name), column], ...all], sql: undefined }),
        ),
      );
  });
  return ways.length === 0 ? [nothing] : ways.slice(0, 8);
}

function slotOf(item: Item, column: string): Operand {
  return { kind: "slot", slot: { item, column } };
}

/** One row of each table of a query, such that the query has a row; and what the columns of that are. */
function rowsOf(select: SelectStmt, place: Place): readonly Rows[] {
  if (place.depth > deepest) return [];
  // What a recursive query starts with is one of its rows.
  const { larg, rarg, withClause } = select;
  if (larg !== undefined && rarg !== undefined) return [larg, rarg].flatMap((one) => rowsOf(one, place));
  const scope = new Map(place.scope);
  const inside: Place = { ...place, scope, depth: place.depth + 1 };
  for (const one of withClause?.ctes ?? []) {
    const cte = part(one, "CommonTableExpr");
    const found = firstRow(part(cte?.ctequery, "SelectStmt"), inside);
    if (found !== undefined) scope.set(queryName(cte?.ctename), found);
  }
  const { way, quals } = fromItems(select.fromClause ?? [], inside, scope);
  const where = together([...quals, select.whereClause].map((one) => waysOf(one, true, inside)));
  const targets = (select.targetList ?? []).flatMap((target, index) => {
    const { name, val } = part(target, "ResTarget") ?? {};
    const value = val && operandOf(val, inside);
    return value === undefined ? [] : [{ ...value, name: name ?? fieldsOf(val)?.at(-1) ?? String(index) }];
  });
  const columns = new Map(targets.map(({ name, operand }) => [name, operand]));
  const all = targets.reduce((sum, one) => joinedWays(sum, one.way), way);
  return where.map((one) => ({ way: joinedWays(all, one), columns }));
}

function firstRow(select: SelectStmt | undefined, place: Place): Rows | undefined {
  return select === undefined ? undefined : rowsOf(select, place)[0];
}

/** No FROM item can have that name. */
function queryName(name: string | undefined): string {
  return `with ${name ?? ""}`;
}

/** Rows for the items of FROM, whose names are put into the scope, and what joins ask of them. */
function fromItems(
  from: readonly Node[],
  place: Place,
  scope: Map<string, Item | Rows>,
): { readonly way: Way; readonly quals: readonly Node[] } {
  let way = nothing;
  const quals: Node[] = [];
  const add = (node: Node): void => {
    const join = part(node, "JoinExpr");
    if (join?.larg !== undefined && join.rarg !== undefined) {
      add(join.larg);
      add(join.rarg);
      if (join.quals !== undefined) quals.push(join.quals);
      return;
    }
    const found = fromItem(node, place);
    if (found === undefined) return;
    way = joinedWays(way, "relation" in found ? { ...nothing, items: [found] } : found.way);
    scope.set(fromItemName(node) ?? "", found);
  };
  from.forEach(add);
  return { way, quals };
}

function fromItem(node: Node, place: Place): Item | Rows | undefined {
  const { schema } = place.reading;
  const table = part(node, "RangeVar");
  if (table !== undefined) {
    const query = table.schemaname === undefined ? place.scope.get(queryName(table.relname)) : undefined;
    const relation = schema.relation(table.schemaname, table.relname ?? "");
    if (query !== undefined || relation === undefined) return query;
    if (isTable(relation)) return { relation };
    return firstRow(viewQuery(relation, place), { ...place, scope: new Map() });
  }
  const query = part(part(node, "RangeSubselect")?.subquery, "SelectStmt");
  if (query !== undefined) return firstRow(query, place);
  const item = part(part(node, "RangeFunction")?.functions?.[0], "List")?.items?.[0];
  const body = bodyFor(part(item, "FuncCall") ?? {}, place);
  return body && firstRow(body.select, body.place);
}
