import type { Node, SelectStmt } from "libpg-query";
import { bodyOf } from "./bodies.ts";
import { isNeutral } from "./clock.ts";
import { inlined, type Reading } from "./inline.ts";
import type { ProofColumn, ProofFunction, ProofRelation } from "./schema.ts";
import {
  boolean,
  cast,
  columnRef,
  conjuncts,
  fieldsOf,
  fromItemName,
  isBoundWithin,
  joined,
  literal,
  onlyValue,
  part,
  readsRow,
  replace,
  row,
  rowColumns,
  stringOf,
  subselect,
  typeNameOf,
} from "./tree.ts";
import { hasIdentity } from "./types.ts";
import { isAggregated, isComparison } from "./widen.ts";

/** A condition of rows that are in the table, in which helpers that read the row itself by its key are what they say of the row. */
export interface OfRow {
  readonly tree: Node;
  /** Owners of those helpers: they must see all rows. */
  readonly owners: ReadonlySet<string>;
}

interface Place {
  readonly relation: ProofRelation;
  readonly reading: Reading;
  readonly owners: Set<string>;
  /** What reads the table here is not kept from it by the policies. */
  readonly sees: boolean;
  readonly row: "there" | "new";
}

/**
 * `select owner = auth.uid() from docs where id = i`, called with the row's own id, is `owner = auth.uid()`. For a row that is inserted
 * it is NULL: where there is one with its key, the key refuses the new one.
 * @param sees the condition itself is evaluated by the privileged connection
 */
export function ofRow(
  tree: Node,
  relation: ProofRelation,
  reading: Reading,
  of: { readonly row: Place["row"]; readonly sees: boolean },
): OfRow {
  const owners = new Set<string>();
  // Of tables that share rows, the key of one is no key of all.
  if (relation.kind !== "table" || reading.schema.kin(relation).length > 1) return { tree, owners };
  return { tree: lifted(tree, { relation, reading, owners, ...of }), owners };
}

function lifted(tree: Node, place: Place): Node {
  return replace(tree, (node) => {
    const sub = place.sees ? part(node, "SubLink") : undefined;
    const select = part(sub?.subselect, "SelectStmt");
    const value = select && ofOwnRow(select, sub?.subLinkType === "EXISTS_SUBLINK", place);
    const known = sub?.subLinkType === "EXISTS_SUBLINK" || sub?.subLinkType === "EXPR_SUBLINK";
    return known && value !== undefined ? lifted(value, place) : called(node, place);
  });
}

/** A call of a function that reads the row and nothing else; `undefined`: it stays. */
function called(node: Node, place: Place): Node | undefined {
  const { reading, relation, sees } = place;
  const call = part(node, "FuncCall");
  if (call === undefined || !readsRow(node) || !readsTable(node, place)) return undefined;
  const args = call.args ?? [];
  const fn = reading.schema.callee((call.funcname ?? []).map(stringOf), args.length);
  const body = fn && bodyOf(fn);
  if (fn === undefined || body === undefined || fn.returnsSet || fn.strict) return undefined;
  if (!(fn.definer || sees) || fn.settings.some((one) => !/^search_path=/i.test(one))) return undefined;
  const owners = new Set<string>(fn.definer ? [fn.owner] : []);
  try {
    const given = args.map((arg, index) => argument(arg, fn.argumentTypes[index] ?? "", relation));
    const select = part(inlined(body, fn, given, reading.schema), "SelectStmt");
    const value: Node | undefined = select && (onlyValue(select) ?? subselect(select));
    const made = value && lifted(value, { ...place, owners, sees: true });
    if (made === undefined || readsTable(made, place) || !isNeutral(made, reading)) return undefined;
    if (relation.columns.some(({ name, generated }) => generated && rowColumns(made).has(name)))
      return undefined;
    for (const one of owners) place.owners.add(one);
    return asReturned(made, fn, relation);
  } catch {
    return undefined;
  }
}

function asReturned(made: Node, { returns }: ProofFunction, relation: ProofRelation): Node {
  const plain = replace(made, bareTruth);
  const isSame = returns === "boolean" ? isTruth(plain) : columnOf(plain, relation)?.type === returns;
  return isSame ? plain : cast(plain, returns);
}

/** Without casts to boolean of what is one: the matrix writes none. */
function bareTruth(node: Node): Node | undefined {
  const arg = typeNameOf(node) === "bool" ? part(node, "TypeCast")?.arg : undefined;
  const bare = arg && replace(arg, bareTruth);
  return bare !== undefined && isTruth(bare) ? bare : undefined;
}

const truths = ["BoolExpr", "NullTest", "BooleanTest"] as const;

function isTruth(node: Node): boolean {
  if (typeNameOf(node) === "bool" || truths.some((tag) => part(node, tag) !== undefined)) return true;
  if (part(node, "A_Const")?.boolval !== undefined) return true;
  const { kind, name } = part(node, "A_Expr") ?? {};
  if (kind !== undefined) return kind === "AEXPR_OP" ? isComparison(name) : kind !== "AEXPR_NULLIF";
  return (
    part(node, "SubLink")?.subLinkType === "EXISTS_SUBLINK" ||
    (part(node, "CoalesceExpr")?.args ?? []).some(isTruth)
  );
}

function columnOf(node: Node, { columns }: ProofRelation): ProofColumn | undefined {
  const [of, name, more] = fieldsOf(node) ?? [];
  return of === row && more === undefined ? columns.find((one) => one.name === name) : undefined;
}

/** @throws where the column's value would become another one on its way into the function */
function argument(arg: Node, type: string, relation: ProofRelation): Node {
  const column = columnOf(arg, relation);
  const text = /^(?:text|character varying)$/;
  if (column !== undefined && (column.base === type || (text.test(column.base) && text.test(type))))
    return arg;
  if (readsRow(arg) || part(arg, "NamedArgExpr") !== undefined) throw new Error("another value");
  return cast(arg, type);
}

function readsTable(node: Node, { reading, relation: { schema, name } }: Place): boolean {
  return reading.reaches.of(node).relations.has(`${schema}.${name}`);
}

const plainParts = /^(?:targetList|fromClause|whereClause|limitOption|op)$/;

/** What a query of the table returns that finds the row, and no other, by its key. */
function ofOwnRow(
  select: SelectStmt,
  exists: boolean,
  { relation, reading, row: which }: Place,
): Node | undefined {
  const [from, ...others] = select.fromClause ?? [];
  const table = part(from, "RangeVar");
  const plain = Object.keys(select).every(
    (key) => plainParts.test(key) || (key === "limitCount" && isOne(select)),
  );
  if (!plain || from === undefined || others.length > 0 || !names(table, relation, reading)) return undefined;
  const alias = fromItemName(from) ?? "";
  const { whereClause, targetList = [] } = select;
  const wanted = conjuncts(whereClause);
  const found = relation.keys.find((key) =>
    key.every((name) => wanted.some((one) => isKey(one, alias, name, relation))),
  );
  if (
    found === undefined ||
    isAggregated(targetList, reading) ||
    isBoundWithin([targetList, whereClause], alias)
  )
    return undefined;
  if (which === "new") return exists ? boolean(false) : literal(null);
  const rest = wanted.filter((one) => !found.some((name) => isKey(one, alias, name, relation)));
  const when = rest.length === 0 ? undefined : inRow(joined("AND_EXPR", rest), alias, relation);
  if (exists) return when === undefined ? boolean(true) : { CoalesceExpr: { args: [when, boolean(false)] } };
  const value = targetList.length === 1 ? part(targetList[0], "ResTarget")?.val : undefined;
  if (value === undefined) return undefined;
  const result = inRow(value, alias, relation);
  return when === undefined ? result : { CaseExpr: { args: [{ CaseWhen: { expr: when, result } }] } };
}

function isOne({ limitCount }: SelectStmt): boolean {
  return (part(limitCount, "A_Const")?.ival?.ival ?? 0) > 0;
}

/** Of a name without a schema it must be the only one. */
function names(
  table: { schemaname?: string; relname?: string; alias?: { colnames?: readonly Node[] } } | undefined,
  relation: ProofRelation,
  { schema }: Reading,
): boolean {
  if (table === undefined || table.relname !== relation.name || table.alias?.colnames !== undefined)
    return false;
  if (table.schemaname !== undefined) return table.schemaname === relation.schema;
  return [...schema.relations].filter(({ name }) => name === relation.name).length === 1;
}

/** `d.id = "rowgate:row".id` */
function isKey(node: Node, alias: string, name: string, { columns }: ProofRelation): boolean {
  const column = columns.find((one) => one.name === name);
  const { kind, name: operator, lexpr, rexpr } = part(node, "A_Expr") ?? {};
  if (column?.notNull !== true || !hasIdentity(column) || kind !== "AEXPR_OP") return false;
  if (stringOf(operator?.at(-1)) !== "=" || (operator?.length ?? 0) > 1) return false;
  const sides = [lexpr, rexpr].map((one) => fieldsOf(one)?.join("\n"));
  return sides.includes(`${alias}\n${name}`) && sides.includes(`${row}\n${name}`);
}

/** @throws where it takes the row as a whole */
function inRow(tree: Node, alias: string, { columns }: ProofRelation): Node {
  return replace(tree, (node) => {
    const [of, name] = fieldsOf(node) ?? [];
    if (of !== alias) return undefined;
    if (!columns.some((one) => one.name === name)) throw new Error("the row as a whole");
    return columnRef(row, name ?? "");
  });
}
