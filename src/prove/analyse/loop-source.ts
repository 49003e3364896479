import type { Node, SelectStmt } from "libpg-query";
import { type PlNode, plQuery } from "../../lib/function-body.ts";
import { expressionOf, selectIn, type State, substituted } from "./plpgsql.ts";
import { callOf, columnRef, fieldsOf, part, replace, stringOf, walk } from "./tree.ts";

export const kinds = ["PLpgSQL_stmt_fors", "PLpgSQL_stmt_foreach_a", "PLpgSQL_stmt_fori"] as const;

/** What a loop goes over: an item of FROM by the name of its variable, and the column that the variable holds, if it holds one. */
interface Source {
  readonly from: readonly Node[];
  readonly where: readonly Node[];
  readonly column: string | undefined;
}

export function sourceOf(kind: (typeof kinds)[number], loop: PlNode, name: string, state: State): Source {
  const valueOf = (key: string): Node => {
    const sql = plQuery(loop[key] as PlNode | undefined);
    if (sql === undefined) throw new Error("no value");
    return substituted(expressionOf(sql), state);
  };
  if (kind !== "PLpgSQL_stmt_fors") {
    if (loop["slice"] !== undefined || loop["step"] !== undefined) throw new Error("not each element");
    const isArray = kind === "PLpgSQL_stmt_foreach_a";
    const bounds = loop["reverse"] === undefined ? ["lower", "upper"] : ["upper", "lower"];
    const args = isArray ? [valueOf("expr")] : bounds.map(valueOf);
    const { FuncCall } = callOf({ schema: "pg_catalog", name: isArray ? "unnest" : "generate_series" }, []);
    const item: Node = {
      List: { items: [{ FuncCall: { ...FuncCall, args, funcformat: "COERCE_EXPLICIT_CALL" } }, {} as Node] },
    };
    const alias = { aliasname: name, colnames: [{ String: { sval: name } }] };
    return { from: [{ RangeFunction: { functions: [item], alias } }], where: [], column: name };
  }
  const select = selectIn(plQuery(loop["query"] as PlNode) ?? "", state);
  const targets = (select.targetList ?? []).map((one) => part(one, "ResTarget"));
  const [only] = targets;
  const plain = plainTable(select);
  if (plain !== undefined) {
    const { table, where } = plain;
    const alias = table.alias?.aliasname ?? table.relname ?? "";
    const renamed =
      where === undefined
        ? []
        : [
            replace(where, (one) =>
              fieldsOf(one)?.[0] === alias && fieldsOf(one)?.length === 2
                ? columnRef(name, fieldsOf(one)?.[1] ?? "")
                : undefined,
            ),
          ];
    const item: Node = { RangeVar: { ...table, alias: { aliasname: name } } };
    return {
      from: [item],
      where: renamed,
      column: targets.length === 1 ? fieldsOf(only?.val)?.at(-1) : undefined,
    };
  }
  const column = targets.length === 1 ? (nameOf(only) ?? unnamed) : undefined;
  const subquery: Node = {
    SelectStmt:
      column === undefined ? select : { ...select, targetList: [{ ResTarget: { ...only, name: column } }] },
  };
  return { from: [{ RangeSubselect: { subquery, alias: { aliasname: name } } }], where: [], column };
}

/** As Postgres calls it, where it is a column's, a function's, or its own. */
function nameOf(target: ReturnType<typeof part<"ResTarget">>): string | undefined {
  const called = part(target?.val, "FuncCall")?.funcname?.at(-1);
  return target?.name ?? fieldsOf(target?.val)?.at(-1) ?? (called && stringOf(called));
}

/** No field of a record, and no name of a parameter. */
const unnamed = "rowgate:value";

/** Rows of one table as they are. */
function plainTable({ targetList = [], fromClause = [], whereClause, ...rest }: SelectStmt) {
  const [item, ...others] = fromClause;
  const table = part(item, "RangeVar");
  const { sortClause: _, limitOption: _option, op: _op, ...more } = rest;
  const named = targetList.every(
    (one) =>
      fieldsOf(part(one, "ResTarget")?.val) !== undefined && part(one, "ResTarget")?.name === undefined,
  );
  let nested = false;
  walk(whereClause, (one) => void (nested ||= part(one, "SubLink") !== undefined));
  const isPlain =
    table !== undefined &&
    others.length === 0 &&
    named &&
    !nested &&
    Object.values(more).every((one) => one === undefined || one === false);
  return isPlain ? { table, where: whereClause } : undefined;
}
