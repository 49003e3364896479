import type { Node, SelectStmt } from "libpg-query";
import { parseExpression, parseStatements } from "../../lib/sql-tree.ts";
import { cast, columnRef, fieldsOf, part, replace, selectOf, subselect, walk } from "./tree.ts";

// Bodies in PL/pgSQL: expressions in them with the values of variables in place.

/** What is known at one statement of a body. */
export interface State {
  /** Values of variables, and whether the query before found a row (`found`). */
  readonly values: ReadonlyMap<string, Node>;
  /** Queries whose first row a variable holds. */
  readonly rows: ReadonlyMap<string, SelectStmt>;
  /** Types of variables, to which every assignment is cast; of a row the table, or `record`. */
  readonly types: ReadonlyMap<string, string>;
  /** By the function's name: within the query that a loop becomes, a column of the same name would be taken for the parameter. */
  readonly parameters: ReadonlyMap<string, Node>;
  /** Variables that hold what depends on the order of rows. */
  readonly unknown: ReadonlySet<string>;
}

/** A variable declared as `t.c%TYPE` has a type that only the catalogue knows: the value keeps its own. */
export function typed(value: Node, type: string): Node {
  if (/%type$/i.test(type)) return value;
  if (type === "" || /%|^unknown$/i.test(type)) throw new Error("a variable without a known type");
  return cast(value, type);
}

export function expressionOf(sql: string): Node {
  if (!/^\s*select\b/i.test(sql)) return parseExpression(sql);
  const [only, ...others] = parseStatements(sql);
  const select = part(only, "SelectStmt");
  if (select === undefined || others.length > 0) throw new Error("no query");
  return subselect(select);
}

/** A row of a table, whose columns are read one by one. */
export function isRow(type: string): boolean {
  return /%rowtype$/i.test(type);
}

export function substituted<T extends object>(
  tree: T,
  { values, parameters, rows, types, unknown }: State,
): T {
  // A FROM item of a variable's name hides it, or raises.
  const hidden = new Set<string>();
  walk(
    tree,
    (one) => void hidden.add(part(one, "RangeVar")?.alias?.aliasname ?? part(one, "RangeVar")?.relname ?? ""),
  );
  return replace(tree, (one) => {
    const [name = "", field, ...more] = fieldsOf(one) ?? [];
    if (unknown.has(name)) throw new Error("not known");
    if (field === undefined) {
      if (rows.has(name)) throw new Error("a row as a whole");
      return values.get(name) ?? parameters.get(name);
    }
    const query = rows.get(name);
    if (query === undefined && !values.has(name)) return undefined;
    // A field of a variable that is no row.
    if (query === undefined || hidden.has(name) || more.length > 0) throw new Error("not a value");
    return subselect(fieldOf(query, field, types.get(name) ?? ""));
  });
}

/** One column of a query's row. */
function fieldOf(query: SelectStmt, field: string, type: string): SelectStmt {
  const targets = (query.targetList ?? []).map((one) => part(one, "ResTarget"));
  const stars = targets.filter((one) => fieldsOf(one?.val)?.at(-1) === "*");
  if (stars.length > 0) {
    // The columns of another table would take those of this type by their places.
    const from = part(query.fromClause?.[0], "RangeVar")?.relname;
    const isOfType = type === "record" || (query.fromClause?.length === 1 && from === tableOf(type));
    if (targets.length > 1 || !isOfType) throw new Error("not known which column");
    const [of = ""] = fieldsOf(stars[0]?.val) ?? [];
    return {
      ...query,
      targetList: selectOf(of === "*" ? columnRef(field) : columnRef(of, field)).targetList ?? [],
    };
  }
  const named = targets.filter((one) => (one?.name ?? fieldsOf(one?.val)?.at(-1)) === field);
  const value = named[0]?.val;
  if (type !== "record" || named.length !== 1 || value === undefined)
    throw new Error("not known which column");
  return { ...query, targetList: selectOf(value).targetList ?? [] };
}

function tableOf(type: string): string {
  return (
    type
      .replace(/%rowtype$/i, "")
      .split(".")
      .at(-1)
      ?.replaceAll('"', "")
      .trim() ?? ""
  );
}

/** @throws where it is another statement */
export function selectIn(sql: string, state: State): SelectStmt {
  const [only, ...others] = parseStatements(sql);
  const select = part(only, "SelectStmt");
  if (select === undefined || others.length > 0 || select.intoClause !== undefined)
    throw new Error("no query");
  return substituted(select, state);
}
