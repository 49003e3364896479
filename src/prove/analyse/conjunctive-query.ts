import type { JoinExpr, Node, RangeVar, SelectStmt } from "libpg-query";
import { comparison } from "./comparable.ts";
import {
  all,
  bare,
  both,
  type Columns,
  type Conjunction,
  exactBody,
  few,
  itemName,
  named,
  nothing,
  tableRow,
  unknown,
  type Within,
} from "./conjunction.ts";
import { isTable, viewQuery } from "./opener-place.ts";
import { isClosed } from "./terms.ts";
import { cast, columnRef, fieldsOf, part, stringOf, walk } from "./tree.ts";
import { isAggregated } from "./widen.ts";

/** A row of a query: rows that it comes from, and its columns, named so that they mean the same everywhere. */
export interface QueryRow {
  readonly conjunction: Conjunction;
  readonly columns: readonly (readonly [name: string, value: Node | undefined])[];
}

/**
 * That a query has a row.
 * @param isCompared its value is asked to meet a condition, which NULL never does
 */
export function rowsOf(select: SelectStmt, here: Within, isCompared = false): readonly QueryRow[] {
  const { op, larg, rarg, withClause } = select;
  const inside = withQueries(withClause, here);
  if (!here.weak && leavesRowsOut(select, here)) return [];
  if (larg !== undefined && rarg !== undefined) {
    const left = rowsOf(larg, inside, isCompared);
    if (op === "SETOP_UNION") return [...left, ...rowsOf(rarg, inside, isCompared)];
    // At most those of the left.
    return here.weak ? left : [];
  }
  const aggregated = isAggregated(select.targetList, here.place.reading);
  if (select.valuesLists !== undefined) return [{ conjunction: nothing, columns: [] }];
  const from = fromItems(select.fromClause ?? [], inside);
  const rows = from.flatMap(({ conjunction, sources }) => {
    const scope = { ...inside, sources: new Map([...inside.sources, ...sources]) };
    const met = all([() => [conjunction], () => here.conditions(select.whereClause, scope)]);
    return met.flatMap((one) => targetsOf(select, one, scope));
  });
  const isOfRows =
    isCompared && select.targetList?.length === 1 && pickedFrom(select.targetList[0], here) !== undefined;
  return isOfRows || !hasRowAnyway(select, aggregated) ? rows : [{ conjunction: nothing, columns: [] }];
}

/** Groups, LIMIT, DISTINCT ON, VALUES, and functions that may return no row. */
function leavesRowsOut(select: SelectStmt, here: Within): boolean {
  const { groupClause, havingClause, limitCount, limitOffset, valuesLists, lockingClause } = select;
  const { distinctClause = [], targetList, sortClause } = select;
  return (
    [groupClause, havingClause, limitCount, limitOffset, valuesLists, lockingClause].some(Boolean) ||
    distinctClause.some((one) => Object.keys(one).length > 0) ||
    isAggregated(targetList, here.place.reading) ||
    returnsSet([targetList, sortClause], here)
  );
}

/** An aggregate without GROUP BY, or of a group of all rows, has a row where there is none to aggregate. */
function hasRowAnyway({ groupClause, havingClause }: SelectStmt, aggregated: boolean): boolean {
  if (groupClause === undefined) return aggregated || havingClause !== undefined;
  return groupClause.some((one) => part(one, "GroupingSet") !== undefined);
}

/** Of an aggregate that is the value of one of the rows, or NULL: that value. */
function pickedFrom(target: Node | undefined, { place: { reading } }: Within): Node | undefined {
  const call = part(part(target, "ResTarget")?.val, "FuncCall");
  const name = stringOf(call?.funcname?.at(-1));
  const { schema } = reading;
  const isOwn = schema.ownAggregates.has(name) || schema.namesakes(name).length > 0;
  const isOne = /^(?:bool_or|min|max)$/.test(name) && !isOwn;
  return isOne && call?.over === undefined ? call?.args?.[0] : undefined;
}

function targetsOf(select: SelectStmt, conjunction: Conjunction, scope: Within): readonly QueryRow[] {
  const { targetList = [] } = select;
  const sets = targetList.filter((one) => returnsSet(part(one, "ResTarget")?.val, scope)).length;
  const picked = targetList.filter((one) => pickedFrom(one, scope) !== undefined).length;
  let rows: readonly QueryRow[] = [{ conjunction, columns: [] }];
  for (const [index, target] of targetList.entries()) {
    const { name, val } = part(target, "ResTarget") ?? {};
    const fields = fieldsOf(val);
    const called = name ?? fields?.at(-1) ?? String(index);
    const values: readonly QueryRow[] =
      fields?.at(-1) === "*"
        ? [{ conjunction: nothing, columns: starred(fields, scope) }]
        : valuesOf(target, scope, { sets, picked }).map(({ conjunction: of, columns }) => ({
            conjunction: of,
            columns: [[called, columns[0]?.[1]]],
          }));
    rows = rows.flatMap((one) =>
      values.map((more) => ({
        conjunction: both(one.conjunction, more.conjunction),
        columns: [...one.columns, ...more.columns],
      })),
    );
  }
  return rows;
}

/** Rows of a query within are its own. */
function returnsSet(value: unknown, { place: { reading } }: Within): boolean {
  let found = false;
  walk(value, (one) => {
    found ||= reading.schema.sets.has(stringOf(part(one, "FuncCall")?.funcname?.at(-1)));
    return !found && part(one, "SubLink") === undefined;
  });
  return found;
}

function isOwnCall(value: Node, { place: { reading } }: Within): boolean {
  return reading.schema.namesakes(stringOf(part(value, "FuncCall")?.funcname?.at(-1))).length > 0;
}

/** Of a function that returns a set each of its rows; of several the longest decides how many there are, and aggregates may pick different rows. */
function valuesOf(
  target: Node,
  scope: Within,
  counts: { readonly sets: number; readonly picked: number },
): readonly QueryRow[] {
  const value = part(target, "ResTarget")?.val;
  const isSet = returnsSet(value, scope);
  const isOne = value !== undefined && isSet && counts.sets === 1;
  // A set of constants that has one value is asked for it.
  const isAsked = isOne && isClosed(value) && !isOwnCall(value, scope);
  if (isOne && !isAsked) return rowsOfCall(value, scope);
  const picked = counts.picked === 1 ? pickedFrom(target, scope) : undefined;
  const isLost = (isSet && !isAsked) || (picked === undefined && isAggregated(value, scope.place.reading));
  const known = isLost ? undefined : (picked ?? value);
  return [{ conjunction: nothing, columns: [["", known && named(known, scope)]] }];
}

function starred(fields: readonly string[], { sources }: Within): QueryRow["columns"] {
  const of = fields.length > 1 ? fields.at(-2) : undefined;
  return [...sources].flatMap(([name, columns]) => (of === undefined || of === name ? [...columns] : []));
}

function rowsOfCall(call: Node, here: Within): readonly QueryRow[] {
  const body = here.weak ? exactBody(call, here) : undefined;
  // One that returns no set has a row in any case.
  if (body?.isSet !== true) return unknown(here).map((conjunction) => ({ conjunction, columns: [] }));
  return rowsOf(body.select, body.here).map(({ conjunction, columns }) => {
    const [first, ...more] = columns;
    const value = first?.[1];
    if (more.length > 0 || value === undefined || /record|trigger/.test(body.returns))
      return { conjunction, columns: [] };
    return { conjunction, columns: [[first?.[0] ?? "", cast(value, body.returns)]] };
  });
}

interface FromRow {
  readonly conjunction: Conjunction;
  readonly sources: ReadonlyMap<string, Columns>;
}

function fromItems(items: readonly Node[], here: Within): readonly FromRow[] {
  let rows: readonly FromRow[] = [{ conjunction: nothing, sources: new Map() }];
  for (const item of items) rows = rows.flatMap((one) => joinedTo(one, item, here));
  return rows;
}

function joinedTo(before: FromRow, item: Node, here: Within): readonly FromRow[] {
  const inside = { ...here, sources: new Map([...here.sources, ...seenFrom(item, before, here)]) };
  const made = fromItem(item, inside).map(({ conjunction, sources }) => ({
    conjunction: both(before.conjunction, conjunction),
    sources: new Map([...before.sources, ...lostWhere(sources, (name) => before.sources.has(name))]),
  }));
  few(made.map(({ conjunction }) => conjunction));
  return made;
}

/** LATERAL items see those before them. Others see what is further out, and of two of one name it is not known which. */
function seenFrom(item: Node, { sources }: FromRow, here: Within): ReadonlyMap<string, Columns> {
  const isLateral =
    part(item, "RangeFunction") !== undefined || part(item, "RangeSubselect")?.lateral === true;
  return isLateral ? sources : lostWhere(sources, (name) => here.sources.has(name));
}

/** Of `a.m, b.m` both are called m. */
function lostWhere(
  sources: ReadonlyMap<string, Columns>,
  isLost: (name: string) => boolean,
): ReadonlyMap<string, Columns> {
  return new Map([...sources].map(([name, columns]) => [name, isLost(name) ? new Map() : columns]));
}

function fromItem(node: Node, here: Within): readonly FromRow[] {
  const join = part(node, "JoinExpr");
  if (join !== undefined) return joinedRows(join, here);
  const name = itemName(node) ?? "";
  const { alias } =
    part(node, "RangeVar") ?? part(node, "RangeSubselect") ?? part(node, "RangeFunction") ?? {};
  const given = alias?.colnames?.map(stringOf);
  return itemRows(node, here).map(({ conjunction, columns }) => {
    const called = columns.map(([own, value], index) => [given?.[index] ?? own, value] as const);
    // A function of one column calls it as itself.
    const only =
      part(node, "RangeFunction") !== undefined && columns.length === 1
        ? [[name, columns[0]?.[1]] as const]
        : [];
    return { conjunction, sources: new Map([[name, new Map([...only, ...called])]]) };
  });
}

function itemRows(node: Node, here: Within): readonly QueryRow[] {
  const table = part(node, "RangeVar");
  if (table !== undefined) return rowsOfTable(table, here);
  const query = part(part(node, "RangeSubselect")?.subquery, "SelectStmt");
  if (query !== undefined) return rowsOf(query, here);
  const range = part(node, "RangeFunction");
  const call = part(range?.functions?.[0], "List")?.items?.[0];
  const isPlain =
    range?.ordinality !== true && range?.functions?.length === 1 && range.coldeflist === undefined;
  if (call !== undefined && part(call, "FuncCall") !== undefined && isPlain) return rowsOfCall(call, here);
  return unknown(here).map((conjunction) => ({ conjunction, columns: [] }));
}

function rowsOfTable(table: RangeVar, here: Within): readonly QueryRow[] {
  const name = table.relname ?? "";
  const { schema } = here.place.reading;
  if (table.schemaname === undefined && here.queries.has(name)) {
    const query = here.queries.get(name);
    return query === undefined
      ? unknown(here).map((conjunction) => ({ conjunction, columns: [] }))
      : rowsOf(query.select, query.here);
  }
  const relation = schema.relation(table.schemaname, name);
  if (
    relation !== undefined &&
    table.inh === true &&
    (isTable(relation) || relation.kind === "materialized")
  ) {
    const one = tableRow(relation, here);
    const columns = relation.columns.map(
      (column) => [column.name, columnRef(one.name, column.name)] as const,
    );
    return [{ conjunction: { rows: [one], literals: [] }, columns }];
  }
  const view = relation?.kind === "view" && here.weak ? viewQuery(relation, here.place) : undefined;
  return view === undefined
    ? unknown(here).map((conjunction) => ({ conjunction, columns: [] }))
    : rowsOf(view, { ...here, sources: new Map(), queries: new Map() });
}

function joinedRows(join: JoinExpr, here: Within): readonly FromRow[] {
  const { jointype, larg, rarg, alias } = join;
  if (larg === undefined || rarg === undefined) return [];
  // Of columns by another name nothing is known.
  if (alias !== undefined)
    return unknown(here).map((conjunction) => ({
      conjunction,
      sources: new Map([[alias.aliasname ?? "", new Map()]]),
    }));
  if (jointype !== "JOIN_INNER" && jointype !== "JOIN_LEFT")
    return unknown(here).map((conjunction) => ({ conjunction, sources: lostColumns({ JoinExpr: join }) }));
  return fromItem(larg, here).flatMap((left): readonly FromRow[] => {
    const met = joinedTo(left, rarg, here).flatMap((joined) => metJoin(join, left, joined, here));
    if (jointype === "JOIN_INNER") return met;
    // A row of the left side has a row in any case.
    return [
      ...met,
      {
        ...left,
        sources: new Map([...left.sources, ...lostColumns(rarg), ...mergedBy(join.join_using_alias)]),
      },
    ];
  });
}

function metJoin(
  { quals, usingClause, isNatural, join_using_alias: byName }: JoinExpr,
  left: FromRow,
  joined: FromRow,
  here: Within,
): readonly FromRow[] {
  const sources = new Map([...joined.sources, ...mergedBy(byName)]);
  const scope = { ...here, sources: new Map([...here.sources, ...joined.sources]) };
  const right = [...joined.sources].filter(([name]) => !left.sources.has(name));
  // Which names both sides have is not known where columns are lost.
  if (isNatural === true && [...joined.sources.values()].some((columns) => columns.size === 0))
    return unknown(here).map((one) => ({
      conjunction: both(joined.conjunction, one),
      sources,
    }));
  const names = isNatural === true ? sharedNames(left.sources, right) : (usingClause ?? []).map(stringOf);
  const sides = [[...left.sources.values()], right.map(([, columns]) => columns)];
  const equal = names.map((name) => () => {
    const [a, b] = sides.map((side) => side.find((one) => one.has(name))?.get(name));
    return a === undefined || b === undefined
      ? unknown(here)
      : here.conditions(comparison(a, "=", b), bare(here));
  });
  return all([() => [joined.conjunction], () => here.conditions(quals, scope), ...equal]).map(
    (conjunction) => ({
      conjunction,
      sources,
    }),
  );
}

/** `using (org) as j`: nothing is known of its columns. */
function mergedBy(alias: JoinExpr["join_using_alias"]): ReadonlyMap<string, Columns> {
  return new Map(alias === undefined ? [] : [[alias.aliasname ?? "", new Map()]]);
}

function sharedNames(
  left: ReadonlyMap<string, Columns>,
  right: readonly (readonly [string, Columns])[],
): readonly string[] {
  const names = new Set([...left.values()].flatMap((one) => [...one.keys()]));
  return right.flatMap(([, columns]) => [...columns.keys()].filter((name) => names.has(name)));
}

/** Of an outer join the side that may have no row: nothing is known of its columns. */
function lostColumns(node: Node): ReadonlyMap<string, Columns> {
  const { larg, rarg, alias, join_using_alias } = part(node, "JoinExpr") ?? {};
  if (larg === undefined || rarg === undefined || alias !== undefined)
    return new Map([[itemName(node) ?? "", new Map()]]);
  return new Map([...lostColumns(larg), ...lostColumns(rarg), ...mergedBy(join_using_alias)]);
}

function withQueries(clause: SelectStmt["withClause"], here: Within): Within {
  if (clause === undefined) return here;
  const queries = new Map(here.queries);
  for (const node of clause.ctes ?? []) {
    const { ctename = "", ctequery, aliascolnames } = part(node, "CommonTableExpr") ?? {};
    const select = part(ctequery, "SelectStmt");
    const isPlain = clause.recursive !== true && select !== undefined && aliascolnames === undefined;
    queries.set(ctename, isPlain ? { select, here: { ...here, queries: new Map(queries) } } : undefined);
  }
  return { ...here, queries };
}
