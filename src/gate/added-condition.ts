import type { Node, SelectStmt } from "libpg-query";
import type { WrittenName } from "../prove/analyse/mentions.ts";
import { conjuncts, fieldsOf, onlyValue, part, stringOf } from "../prove/analyse/tree.ts";

/** What a condition that was added to a body may be made of, so that who calls the function learns nothing that was hidden. */
export interface CallerKnows {
  /** Arguments that hold what the caller gave. */
  readonly given: ReadonlySet<string>;
  /** Variables that hold who calls. */
  readonly who: ReadonlySet<string>;
  /** The caller may call it directly, and it writes nothing. */
  readonly mayCall: (name: WrittenName) => boolean;
  /** The database has a function of that name besides Postgres's own. */
  readonly isOwnFunction: (name: string) => boolean;
}

/** What a value comes of: what the caller chooses, or rows and variables. A constant, and who calls, is neither. */
type Source = "chosen" | "hidden";
type Sources = ReadonlySet<Source>;

const nothing: Sources = new Set();
const chosen: Sources = new Set(["chosen"]);
const hidden: Sources = new Set(["hidden"]);

const plainOperators: ReadonlySet<string> = new Set(
  "= <> != < > <= >= + - * / % || -> ->> ~~ ~~*".split(" "),
);
const plainFunctions: ReadonlySet<string> = new Set(
  "btrim length char_length lower upper now cardinality array_length".split(" "),
);
const plainTypes: ReadonlySet<string> = new Set(
  "uuid text int2 int4 int8 bool numeric varchar bpchar date timestamp timestamptz interval jsonb json".split(
    " ",
  ),
);
const ofRequest: ReadonlySet<string> = new Set(["auth.jwt", "auth.role", "auth.email", "current_setting"]);

/** Supabase's functions that say who calls. */
export function saysWhoCalls({ schema, name }: WrittenName): boolean {
  const known = `${schema}.${name}`;
  return known === "auth.uid" || ofRequest.has(known);
}

/** Operands of these are what they come of. */
const transparent: ReadonlySet<string> = new Set([
  "BoolExpr",
  "NullTest",
  "BooleanTest",
  "CoalesceExpr",
  "List",
  "A_ArrayExpr",
]);

/**
 * Whether a condition is decided by what the caller knows, or by rows alone: where what the caller chooses meets what is hidden, each
 * call would be a question about it.
 * @returns whether rows or variables decide; `undefined`: it may tell more
 */
export function readAddedCondition(node: Node, knows: CallerKnows): { readonly byRows: boolean } | undefined {
  const inner = part(node, "BoolExpr")?.args;
  if (inner !== undefined) {
    const all = inner.map((one) => readAddedCondition(one, knows));
    if (all.includes(undefined)) return undefined;
    return { byRows: all.some((one) => one?.byRows === true) };
  }
  const sources = sourcesOf(node, knows);
  if (sources === undefined || sources.size > 1) return undefined;
  return { byRows: sources.has("hidden") };
}

function sourcesOf(node: Node, knows: CallerKnows): Sources | undefined {
  const [tag = ""] = Object.keys(node);
  if (tag === "A_Const") return nothing;
  if (tag === "ParamRef") return chosen;
  const fields = fieldsOf(node);
  if (fields !== undefined) return ofName(fields, knows);
  const cast = part(node, "TypeCast");
  if (cast?.arg !== undefined)
    return plainTypes.has(stringOf(cast.typeName?.names?.at(-1)) ?? "")
      ? sourcesOf(cast.arg, knows)
      : undefined;
  const call = part(node, "FuncCall");
  if (call !== undefined) return ofCall((call.funcname ?? []).map(stringOf), call.args ?? [], knows);
  const comparison = part(node, "A_Expr");
  if (comparison !== undefined) {
    const [operator = "", ...more] = (comparison.name ?? []).map(stringOf);
    const operands = [comparison.lexpr, comparison.rexpr].filter((one) => one !== undefined);
    return more.length === 0 && plainOperators.has(operator) ? together(operands, knows) : undefined;
  }
  const query = part(node, "SubLink");
  if (query !== undefined) return ofQuery(query.subLinkType, query.testexpr, query.subselect, knows);
  return transparent.has(tag) ? together(operandsOf(node), knows) : undefined;
}

function ofName(fields: readonly string[], { given, who }: CallerKnows): Sources {
  const [first = "", ...more] = fields;
  if (more.length > 0) return first === "new" || first === "old" ? chosen : hidden;
  return who.has(first) ? nothing : given.has(first) ? chosen : hidden;
}

function ofCall(
  names: readonly (string | undefined)[],
  args: readonly Node[],
  knows: CallerKnows,
): Sources | undefined {
  const name = names.join(".");
  const last = names.at(-1) ?? "";
  if (name === "auth.uid") return nothing;
  const given = together(args, knows);
  if (given === undefined) return undefined;
  if (ofRequest.has(name)) return given.has("hidden") ? undefined : chosen;
  const isPlain =
    (names.length === 1 || names[0] === "pg_catalog") &&
    plainFunctions.has(last) &&
    !knows.isOwnFunction(last);
  if (isPlain) return given;
  const schema = names.length > 1 ? names[0] : undefined;
  if (!knows.mayCall({ schema, name: last })) return undefined;
  return given.size === 0 ? chosen : given;
}

/** A query of a value that reads nothing, or of the caller's own rows in one table. */
function ofQuery(
  type: string | undefined,
  tested: Node | undefined,
  query: Node | undefined,
  knows: CallerKnows,
): Sources | undefined {
  const select = part(query, "SelectStmt");
  if (select === undefined) return undefined;
  const value = onlyValue(select);
  if (value !== undefined && type === "EXPR_SUBLINK") return sourcesOf(value, knows);
  if (type !== "EXISTS_SUBLINK" && type !== "EXPR_SUBLINK" && type !== "ANY_SUBLINK") return undefined;
  return readsOwnRows(select, knows)
    ? together(tested === undefined ? [] : [tested], knows, hidden)
    : undefined;
}

function readsOwnRows(select: SelectStmt, knows: CallerKnows): boolean {
  const {
    targetList = [],
    fromClause = [],
    whereClause,
    limitCount,
    limitOption: _,
    op: _op,
    ...rest
  } = select;
  const values = targetList.flatMap((one) => part(one, "ResTarget")?.val ?? []);
  const conditions = whereClause === undefined ? [] : conjuncts(whereClause);
  const parts = [...values.filter((one) => !isStar(one)), ...conditions, ...(limitCount ? [limitCount] : [])];
  return (
    Object.keys(rest).length === 0 &&
    fromClause.length === 1 &&
    part(fromClause[0], "RangeVar") !== undefined &&
    conditions.some((one) => isBoundToCaller(one, knows)) &&
    together(parts, knows) !== undefined
  );
}

function isStar(node: Node): boolean {
  return part(node, "ColumnRef")?.fields?.some((one) => part(one, "A_Star") !== undefined) === true;
}

/** `user_id = auth.uid()` */
function isBoundToCaller(node: Node, knows: CallerKnows): boolean {
  const { name = [], lexpr, rexpr, kind } = part(node, "A_Expr") ?? {};
  if (kind !== "AEXPR_OP" || name.map(stringOf).join(".") !== "=") return false;
  const isColumn = (side: Node | undefined): boolean =>
    fieldsOf(side) !== undefined && sourcesOf(side as Node, knows)?.has("hidden") === true;
  return (isCaller(lexpr, knows) && isColumn(rexpr)) || (isCaller(rexpr, knows) && isColumn(lexpr));
}

/** `auth.uid()`, `(select auth.uid())`, or a variable that holds it. */
function isCaller(node: Node | undefined, knows: CallerKnows): boolean {
  const [name = "", ...more] = fieldsOf(node) ?? [];
  if (more.length === 0 && knows.who.has(name)) return true;
  const query = part(part(node, "SubLink")?.subselect, "SelectStmt");
  if (query !== undefined) return isCaller(onlyValue(query), knows);
  return part(node, "FuncCall")?.funcname?.map(stringOf).join(".") === "auth.uid";
}

function together(nodes: readonly Node[], knows: CallerKnows, and: Sources = nothing): Sources | undefined {
  const found = new Set<Source>(and);
  for (const one of nodes) {
    const sources = sourcesOf(one, knows);
    if (sources === undefined) return undefined;
    for (const source of sources) found.add(source);
  }
  return found;
}

function operandsOf(node: Node): readonly Node[] {
  const inner = Object.values(node)[0] as { args?: Node[]; arg?: Node; items?: Node[]; elements?: Node[] };
  return [
    ...(inner.args ?? []),
    ...(inner.arg ? [inner.arg] : []),
    ...(inner.items ?? []),
    ...(inner.elements ?? []),
  ];
}
