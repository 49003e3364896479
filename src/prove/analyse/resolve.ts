import type { CommonTableExpr, Node, RangeFunction, RangeVar, SelectStmt, WithClause } from "libpg-query";
import { comparison, pairsOf } from "./comparable.ts";
import type { ProofRelation, Schema } from "./schema.ts";
import { columnRef, fieldsOf, fromItemName, joined, mapped, part, row, stringOf, type Tree } from "./tree.ts";

/** What names mean at an expression's position. */
export interface Names {
  readonly schema: Schema;
  /** Where unqualified relations are looked up; the session's unless said. */
  readonly path?: readonly string[] | undefined;
  /** The relation whose row a policy or row set is about. */
  readonly relation?: ProofRelation | undefined;
  /** A function's parameters. */
  readonly parameters?: Parameters | undefined;
}

export interface Parameters {
  readonly function: string;
  readonly byName: ReadonlyMap<string, Node>;
  readonly byPosition: readonly Node[];
}

/** A FROM item: what it is called, and its columns where they are known. */
interface Item {
  readonly name: string | undefined;
  readonly columns: readonly string[] | undefined;
}

interface Scope extends Names {
  /** FROM items, from the outermost query to the innermost. */
  readonly levels: readonly (readonly Item[])[];
  readonly queries: ReadonlyMap<string, readonly string[] | undefined>;
}

/** A name that could mean two things. */
export class UnclearName extends Error {}

/**
 * Every column gets the name of the item that it comes from; the policy's row is `"rowgate:row"`, and a parameter is what was
 * given for it. As in Postgres, inner FROM items win over outer ones, columns over parameters, and both over the row.
 * @throws UnclearName
 */
export function resolveNames(node: Node, names: Names): Node {
  return resolved(node, { ...names, levels: [], queries: new Map() });
}

function resolved<T>(value: T, scope: Scope): T {
  if (Array.isArray(value)) return value.map((one: unknown) => resolved(one, scope)) as T;
  if (typeof value !== "object" || value === null) return value;
  return (special(value as unknown as Node, scope) ??
    mapped(value as unknown as Tree, (one) => resolved(one, scope))) as T;
}

function special(node: Node, scope: Scope): Node | undefined {
  const fields = fieldsOf(node);
  if (fields !== undefined) return column(node, fields, scope);
  const parameter = part(node, "ParamRef");
  if (parameter !== undefined) {
    const given = scope.parameters?.byPosition[(parameter.number ?? 0) - 1];
    if (given === undefined) throw new UnclearName(`$${parameter.number ?? 0}`);
    return given;
  }
  const select = part(node, "SelectStmt");
  if (select !== undefined) return { SelectStmt: resolvedSelect(select, scope) };
  const table = part(node, "RangeVar");
  if (table !== undefined) return tableByPath(node, table, scope);
  const compared = columnByColumn(node);
  return compared === undefined ? fieldOfRow(node, scope) : resolved(compared, scope);
}

/** Where the function has a path of its own, a table is not found by the session's. */
function tableByPath(node: Node, table: RangeVar, { path, queries, schema }: Scope): Node {
  const { schemaname, relname = "" } = table;
  if (path === undefined || schemaname !== undefined || queries.has(relname)) return node;
  const found = schema.relation(undefined, relname, path);
  return found === undefined ? node : { RangeVar: { ...table, schemaname: found.schema } };
}

/** `(a, b) = (c, d)` is `a = c and b = d`. */
function columnByColumn(node: Node): Node | undefined {
  const { kind, name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
  const isEqual = kind === "AEXPR_OP" && name?.length === 1 && stringOf(name[0]) === "=";
  const pairs = isEqual && lexpr && rexpr ? pairsOf(lexpr, rexpr) : undefined;
  return (
    pairs &&
    joined(
      "AND_EXPR",
      pairs.map(([a, b]) => comparison(a, "=", b)),
    )
  );
}

/** `(t).owner`, where t is the policy's row. */
function fieldOfRow(node: Node, scope: Scope): Node | undefined {
  const path = part(node, "A_Indirection");
  const name = stringOf(path?.indirection?.[0]);
  if (path?.arg === undefined || path.indirection?.length !== 1 || name === "") return undefined;
  const whole = fieldsOf(resolved(path.arg, scope));
  return whole?.length === 1 && whole[0] === row ? columnRef(row, name) : undefined;
}

function column(node: Node, fields: readonly string[], scope: Scope): Node {
  const name = fields.at(-1) ?? "";
  if (fields.length === 1) return name === "*" ? node : unqualified(node, name, scope);
  const table = fields.at(-2) ?? "";
  if (scope.levels.some((items) => items.some((item) => item.name === table)))
    return fields.length > 2 ? columnRef(table, name) : node;
  const { relation, parameters } = scope;
  if (relation?.name === table) return name === "*" ? columnRef(row) : columnRef(row, name);
  const given = parameters?.byName.get(table);
  const whole = fieldsOf(given);
  if (whole?.length === 1 && whole[0] === row) return columnRef(row, name);
  if (parameters?.function === table && parameters.byName.has(name))
    return parameters.byName.get(name) ?? node;
  // Within a body, what is no column is a variable of it.
  if (parameters !== undefined) throw new UnclearName(name);
  return node;
}

function unqualified(node: Node, name: string, { levels, parameters, relation }: Scope): Node {
  const unknown: Item[] = [];
  for (const items of levels.toReversed()) {
    for (const item of items) {
      if (item.columns?.includes(name) === true) {
        if (unknown.length > 0 || item.name === undefined) throw new UnclearName(name);
        return columnRef(item.name, name);
      }
    }
    if (items.some((item) => item.name === name)) return node;
    unknown.push(...items.filter(({ columns }) => columns === undefined));
  }
  const inRow = relation?.columns.some((one) => one.name === name) === true;
  const given = parameters?.byName.get(name);
  if (unknown.length > 0 && (inRow || given !== undefined)) throw new UnclearName(name);
  if (given !== undefined) return given;
  if (inRow) return columnRef(row, name);
  if (parameters !== undefined && unknown.length === 0) throw new UnclearName(name);
  // `value`, of jsonb_array_elements_text(…): nothing else has a column of that name.
  const [only, ...others] = unknown;
  if (only?.name !== undefined && others.length === 0 && relation?.name !== name)
    return columnRef(only.name, name);
  return relation?.name === name ? columnRef(row) : node;
}

function resolvedSelect(select: SelectStmt, scope: Scope): SelectStmt {
  const { inside, clause } = withQueries(select.withClause, scope);
  const added = clause === undefined ? {} : { withClause: clause };
  const { larg, rarg, withClause: _, fromClause = [], ...rest } = select;
  if (larg !== undefined && rarg !== undefined) {
    const sides = { larg: resolvedSelect(larg, inside), rarg: resolvedSelect(rarg, inside) };
    return { ...resolved(rest, inside), ...added, ...sides };
  }
  const items: Item[] = [];
  const from = fromClause.map((one) => {
    const item = resolvedItem(one, inside, items);
    items.push(...itemsOf(one, inside));
    return item;
  });
  const made = resolved(rest, { ...inside, levels: [...inside.levels, items] });
  return { ...made, ...(from.length > 0 && { fromClause: from }), ...added };
}

/** What stands in FROM sees the items before it where it is LATERAL, as a function always is, and never itself: `unnest(tags) tags`. */
function resolvedItem(node: Node, scope: Scope, before: readonly Item[]): Node {
  const join = part(node, "JoinExpr");
  const beside = (items: readonly Item[]): Scope => ({ ...scope, levels: [...scope.levels, items] });
  if (join?.larg === undefined || join.rarg === undefined) {
    const isLateral =
      part(node, "RangeSubselect")?.lateral === true || part(node, "RangeFunction") !== undefined;
    return resolved(node, isLateral ? beside(before) : scope);
  }
  const left = [...before, ...itemsOf(join.larg, scope)];
  const sides = {
    larg: resolvedItem(join.larg, scope, before),
    rarg: resolvedItem(join.rarg, scope, left),
  };
  const quals = join.quals && resolved(join.quals, beside([...left, ...itemsOf(join.rarg, scope)]));
  return { JoinExpr: { ...join, ...sides, ...(quals && { quals }) } };
}

function withQueries(
  clause: WithClause | undefined,
  scope: Scope,
): { readonly inside: Scope; readonly clause: WithClause | undefined } {
  if (clause === undefined) return { inside: scope, clause };
  const queries = new Map(scope.queries);
  const ctes = (clause.ctes ?? []).map((node) => {
    const query = part(node, "CommonTableExpr");
    if (query === undefined) return node;
    const name = query.ctename ?? "";
    const columns = columnsOfQuery(query, { ...scope, queries });
    if (clause.recursive === true) queries.set(name, columns);
    const body = resolved(query, { ...scope, queries: new Map(queries) });
    queries.set(name, columns);
    return { CommonTableExpr: body };
  });
  return { inside: { ...scope, queries }, clause: { ...clause, ctes } };
}

function columnsOfQuery(query: CommonTableExpr, scope: Scope): readonly string[] | undefined {
  if (query.aliascolnames !== undefined) return query.aliascolnames.map(stringOf);
  const select = part(query.ctequery, "SelectStmt");
  return select && outputNames(select, scope);
}

function itemsOf(node: Node, scope: Scope): readonly Item[] {
  const join = part(node, "JoinExpr");
  if (join !== undefined) {
    if (join.alias !== undefined) return [{ name: undefined, columns: undefined }];
    return [join.larg, join.rarg].flatMap((side) => (side === undefined ? [] : itemsOf(side, scope)));
  }
  return [{ name: fromItemName(node), columns: columnsOfItem(node, scope) }];
}

function columnsOfItem(node: Node, scope: Scope): readonly string[] | undefined {
  const table = part(node, "RangeVar");
  const query = part(node, "RangeSubselect");
  const call = part(node, "RangeFunction");
  const named = (table ?? query ?? call)?.alias?.colnames?.map(stringOf);
  if (table !== undefined) {
    const name = table.relname ?? "";
    const own =
      table.schemaname === undefined && scope.queries.has(name)
        ? scope.queries.get(name)
        : scope.schema.relation(table.schemaname, name, scope.path)?.columns.map((one) => one.name);
    // An alias may rename only the first columns.
    return named === undefined || own === undefined ? (named ?? own) : [...named, ...own.slice(named.length)];
  }
  if (named !== undefined) return named;
  if (call !== undefined) return columnsOfCall(call, scope);
  const select = part(query?.subquery, "SelectStmt");
  return select && outputNames(select, scope);
}

const elements = ["value"];
const pairs = ["key", "value"];
/** What built-in functions call their columns; `undefined`: one by the alias, or by the function's name. */
const called: Readonly<Record<string, readonly string[] | undefined>> = {
  json_array_elements: elements,
  json_array_elements_text: elements,
  jsonb_array_elements: elements,
  jsonb_array_elements_text: elements,
  json_each: pairs,
  json_each_text: pairs,
  jsonb_each: pairs,
  jsonb_each_text: pairs,
  json_object_keys: undefined,
  jsonb_object_keys: undefined,
  unnest: undefined,
  generate_series: undefined,
  string_to_table: undefined,
  regexp_split_to_table: undefined,
};

function columnsOfCall(
  { functions = [], is_rowsfrom: several, ordinality, alias, coldeflist }: RangeFunction,
  { schema }: Scope,
): readonly string[] | undefined {
  const call = part(part(functions[0], "List")?.items?.[0], "FuncCall");
  const [name = "", ...more] = (call?.funcname ?? []).map(stringOf).toReversed();
  const isKnown =
    Object.hasOwn(called, name) &&
    (more.length === 0 ? schema.namesakes(name).length === 0 : more[0] === "pg_catalog");
  if (!isKnown || several === true || ordinality === true || coldeflist !== undefined) return undefined;
  // Of several arrays each has a column.
  if (name === "unnest" && call?.args?.length !== 1) return undefined;
  return called[name] ?? [alias?.aliasname ?? name];
}

function outputNames(select: SelectStmt, scope: Scope): readonly string[] | undefined {
  if (select.larg !== undefined) return outputNames(select.larg, scope);
  if (select.targetList === undefined) return undefined;
  const names: string[] = [];
  for (const target of select.targetList) {
    const { name, val } = part(target, "ResTarget") ?? {};
    const found = name === undefined ? impliedNames(val, select, scope) : [name];
    if (found === undefined) return undefined;
    names.push(...found);
  }
  return names;
}

function impliedNames(
  value: Node | undefined,
  select: SelectStmt,
  scope: Scope,
): readonly string[] | undefined {
  const fields = fieldsOf(value);
  if (fields?.at(-1) === "*") {
    const items = (select.fromClause ?? []).flatMap((one) => itemsOf(one, scope));
    const meant = items.filter(({ name }) => fields.length === 1 || name === fields[0]);
    if (meant.length === 0 || meant.some(({ columns }) => columns === undefined)) return undefined;
    return meant.flatMap(({ columns }) => columns ?? []);
  }
  if (fields !== undefined) return [fields.at(-1) ?? ""];
  const call = part(value, "FuncCall");
  if (call !== undefined) return [stringOf(call.funcname?.at(-1))];
  const typeCast = part(value, "TypeCast");
  if (typeCast?.arg !== undefined)
    return fieldsOf(typeCast.arg)?.slice(-1) ?? impliedNames(typeCast.arg, select, scope) ?? ["?column?"];
  return ["?column?"];
}
