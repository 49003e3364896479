import type { FuncCall, Node, SelectStmt, TypeName } from "libpg-query";
import { deparseSync } from "pgsql-deparser";
import { perObject } from "../../lib/recent.ts";
import type { QualifiedName } from "../../lib/sql-text.ts";
import { parseExpression, parseStatements } from "../../lib/sql-tree.ts";

/**
 * SQL as a tree, the way Postgres's own parser gives it. Trees are never changed in place.
 * Two names are ours, and no user's: a quoted name with a colon.
 */

/** The hypothetical row that a policy is asked about. */
export const row = "rowgate:row";
/** Booleans in place of what could not be decided. */
export const free = "rowgate:free";

type Tags<N> = N extends unknown ? keyof N : never;
export type Tag = Tags<Node>;
type Body<T extends Tag> = Extract<Node, Record<T, unknown>>[T];

/** The node's content if it is of that sort. */
export function part<T extends Tag>(node: Node | undefined, tag: T): Body<T> | undefined {
  return node !== undefined && tag in node ? (node as unknown as Record<T, Body<T>>)[tag] : undefined;
}

/**
 * An expression as SQL text.
 * @throws if the text does not parse back to the same tree: a proof must not rest on a printer's mistake
 */
export function printExpression(node: Node): string {
  let text = printedNodes.get(node);
  if (text === undefined) {
    text = printSelect(selectOf(node)).slice("SELECT ".length);
    printedNodes.set(node, text);
  }
  return text;
}

/** The same atoms are printed for every persona. */
const printedNodes = new WeakMap<Node, string>();

/** A SELECT as SQL text. @throws as printExpression */
export const printSelect: (select: SelectStmt) => string = perObject((select: SelectStmt): string => {
  // The body of a function is read anew by each way that leads to it: nodes of their own, and the same content. Where in a text it
  // stood is not printed. (Within a string the quotes of a key are escaped.)
  const content = JSON.stringify(select).replaceAll(/,?"location":\d+/g, "");
  const known = printedContents.get(content);
  if (known !== undefined) return known;
  const text = printedAsMeant(select);
  if (printedContents.size >= contentsAtMost) printedContents.clear();
  printedContents.set(content, text);
  return text;
});

const contentsAtMost = 1_000;
const printedContents = new Map<string, string>();

function printedAsMeant(select: SelectStmt): string {
  const meant = fenced(select);
  const text = print(meant);
  if (!sameTree(part(parseStatements(text)[0], "SelectStmt"), meant))
    throw new Error(`printed as something else: ${text}`);
  return text;
}

/** The printer leaves out parentheses before IS; COALESCE of one value is that value. */
function fenced<T>(tree: T): T {
  let isFenced = false;
  walk(tree, (node) => {
    isFenced ||= argumentOfTest(node) !== undefined;
  });
  return isFenced ? replace(tree, fence) : tree;
}

function fence(node: Node): Node | undefined {
  const arg = argumentOfTest(node);
  if (arg === undefined) return undefined;
  const around: Node = { CoalesceExpr: { args: [fenced(arg)] } };
  const test = part(node, "BooleanTest");
  return test === undefined
    ? { NullTest: { ...part(node, "NullTest"), arg: around } }
    : { BooleanTest: { ...test, arg: around } };
}

/** What is tested, where it needs parentheses. */
function argumentOfTest(node: Node): Node | undefined {
  const arg = part(node, "BooleanTest")?.arg ?? part(node, "NullTest")?.arg;
  return arg === undefined || simple.some((tag) => part(arg, tag) !== undefined) ? undefined : arg;
}

const simple = ["ColumnRef", "FuncCall", "A_Const", "CoalesceExpr", "A_Indirection"] as const;

/** All that a tree says, as a key. */
export const contentOf: (tree: Node) => string = perObject((tree: Node) => JSON.stringify(tree));

/** For people: never fails. */
export function show(node: Node): string {
  const text = shownNodes.get(node) ?? shown(node);
  shownNodes.set(node, text);
  return text;
}

const shownNodes = new WeakMap<Node, string>();

function shown(node: Node): string {
  try {
    return print(selectOf(node))
      .slice("SELECT ".length)
      .replaceAll(`"${row}".`, "")
      .replaceAll(`"${row}"`, "the row");
  } catch {
    return "an expression that cannot be printed";
  }
}

function print(select: SelectStmt): string {
  const printed = deparseSync(
    { version: 180000, stmts: [{ stmt: { SelectStmt: select } }] },
    { pretty: false },
  );
  return printed.replace(/;\s*$/, "");
}

export function selectOf(value: Node): SelectStmt {
  return {
    targetList: [{ ResTarget: { val: value } }],
    limitOption: "LIMIT_OPTION_DEFAULT",
    op: "SETOP_NONE",
  };
}

/** The value of a query. */
export function subselect(select: SelectStmt): Node {
  return { SubLink: { subLinkType: "EXPR_SUBLINK", subselect: { SelectStmt: select } } };
}

export function exists(query: SelectStmt): Node {
  return { SubLink: { subLinkType: "EXISTS_SUBLINK", subselect: { SelectStmt: query } } };
}

/** The value of a SELECT that only has one: no FROM, no WITH, nothing that takes rows away. */
export function onlyValue(select: SelectStmt): Node | undefined {
  const plain = Object.keys(select).every((key) => /^(?:targetList|limitOption|op)$/.test(key));
  return plain && select.targetList?.length === 1 ? part(select.targetList[0], "ResTarget")?.val : undefined;
}

/** Equal but for positions in the text and for AND within AND. */
function sameTree(a: unknown, b: unknown): boolean {
  if (Array.isArray(a))
    return (
      Array.isArray(b) && a.length === b.length && a.every((one: unknown, place) => sameTree(one, b[place]))
    );
  if (typeof a !== "object" || a === null) return a === b;
  if (typeof b !== "object" || b === null || Array.isArray(b)) return false;
  const x = flattened(a as Tree);
  const y = flattened(b as Tree);
  let surplus = 0;
  for (const key in x) {
    if (!isImportant(key, x[key])) continue;
    if (!sameTree(x[key], y[key])) return false;
    surplus += 1;
  }
  for (const key in y) if (isImportant(key, y[key])) surplus -= 1;
  return surplus === 0;
}

export type Tree = Readonly<Record<string, unknown>>;

const unimportant: ReadonlySet<string> = new Set([
  "location",
  "stmt_len",
  "rexpr_list_start",
  "rexpr_list_end",
  "list_start",
  "list_end",
  "typemod",
]);

function isImportant(key: string, value: unknown): boolean {
  return value !== undefined && value !== "" && !unimportant.has(key);
}

function flattened(tree: Tree): Tree {
  const own = tree["BoolExpr"] as BoolBody | undefined;
  if (own === undefined || own.boolop === "NOT_EXPR") return tree;
  return { BoolExpr: { ...own, args: flatArguments(own) } };
}

interface BoolBody {
  readonly boolop: string;
  readonly args: readonly Tree[];
}

function flatArguments({ boolop, args }: BoolBody): readonly Tree[] {
  return args.flatMap((arg) => {
    const inner = arg["BoolExpr"] as BoolBody | undefined;
    return inner?.boolop === boolop ? flatArguments(inner) : [arg];
  });
}

/** Expressions that have a value by themselves, where they read no row. */
export const valueTags = [
  "FuncCall",
  "TypeCast",
  "A_Const",
  "A_Expr",
  "SubLink",
  "CoalesceExpr",
  "SQLValueFunction",
] as const;

/** Visits every node and every node's content; `false` leaves out what is below. */
export function walk(value: unknown, visit: (node: Node) => boolean | void): void {
  if (typeof value !== "object" || value === null) return;
  // Each tree is gone through many times: without lists of what is in it, nor what goes through a list.
  if (Array.isArray(value)) for (let index = 0; index < value.length; index += 1) walk(value[index], visit);
  else if (visit(value as Node) !== false) for (const key in value) walk((value as Tree)[key], visit);
}

/** A tree with some nodes replaced; what is put in is not looked into again. */
export function replace<T>(value: T, by: (node: Node) => Node | undefined): T {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((one: unknown) => replace(one, by)) as T;
  return (by(value as unknown as Node) ?? mapped(value as unknown as Tree, (one) => replace(one, by))) as T;
}

/** The same node with other content. */
export function mapped(node: Tree, by: (content: unknown) => unknown): Tree {
  const made: Record<string, unknown> = {};
  for (const key in node) made[key] = by(node[key]);
  return made;
}

export function columnRef(...names: readonly string[]): Node {
  return {
    ColumnRef: { fields: names.map((name) => (name === "*" ? { A_Star: {} } : { String: { sval: name } })) },
  };
}

export function callOf(
  { schema, name }: QualifiedName,
  values: readonly (string | null)[],
): { readonly FuncCall: FuncCall } {
  const funcname: Node[] = [schema, name].map((sval) => ({ String: { sval } }));
  return { FuncCall: { funcname, args: values.map((one) => literal(one)) } };
}

/** `["t", "id"]`; `undefined`: no reference to a column. */
export function fieldsOf(node: Node | undefined): readonly string[] | undefined {
  return part(node, "ColumnRef")?.fields?.map((field) => part(field, "String")?.sval ?? "*");
}

export function stringOf(node: Node | undefined): string {
  return part(node, "String")?.sval ?? "";
}

export function boolean(value: boolean): Node {
  return { A_Const: { boolval: value ? { boolval: true } : {} } };
}

/** `null` is NULL. */
export function literal(value: string | null, type?: string): Node {
  const constant: Node =
    value === null ? { A_Const: { isnull: true } } : { A_Const: { sval: { sval: value } } };
  return type === undefined ? constant : cast(constant, type);
}

export function cast(node: Node, type: string): Node {
  const typeName = typeNames.get(type) ?? part(parseExpression(`null::${type}`), "TypeCast")?.typeName;
  if (typeName === undefined) throw new Error(`no type: ${type}`);
  typeNames.set(type, typeName);
  return { TypeCast: { arg: node, typeName } };
}

const typeNames = new Map<string, TypeName>();

export function joined(operator: "AND_EXPR" | "OR_EXPR", args: readonly Node[]): Node {
  const [first] = args;
  return args.length === 1 && first !== undefined
    ? first
    : { BoolExpr: { boolop: operator, args: [...args] } };
}

export function conjuncts(node: Node | undefined): readonly Node[] {
  const and = part(node, "BoolExpr");
  if (and?.boolop === "AND_EXPR") return (and.args ?? []).flatMap(conjuncts);
  return node === undefined ? [] : [node];
}

export function withoutCasts(node: Node): Node {
  const arg = part(node, "TypeCast")?.arg;
  return arg === undefined ? node : withoutCasts(arg);
}

/** `["pg_catalog", "int4"]` → `int4`. */
export function typeNameOf(node: Node): string {
  return stringOf(part(node, "TypeCast")?.typeName?.names?.at(-1));
}

const columnsRead = new WeakMap<object, ReadonlySet<string>>();

/** Columns of the hypothetical row that a tree reads; `*`: the row as a whole. */
export function rowColumns(node: object): ReadonlySet<string> {
  const known = columnsRead.get(node);
  if (known !== undefined) return known;
  const found = new Set<string>();
  walk(node, (one) => {
    const fields = fieldsOf(one);
    if (fields?.[0] === row) found.add(fields[1] ?? "*");
  });
  columnsRead.set(node, found);
  return found;
}

export function readsRow(node: object | undefined): boolean {
  return node !== undefined && rowColumns(node).size > 0;
}

/** Names of FROM items that a tree reads and does not bring along itself. */
export function outerNames(node: object): readonly string[] {
  const known = namesOutside.get(node) ?? outerNamesOf(node);
  namesOutside.set(node, known);
  return known;
}

const namesOutside = new WeakMap<object, readonly string[]>();

function outerNamesOf(node: object): readonly string[] {
  const used = new Set<string>();
  const bound = new Set<string | undefined>();
  walk(node, (one) => {
    const [first] = fieldsOf(one) ?? [];
    if (first !== undefined && first !== row && first !== free && first !== "*") used.add(first);
    const item = fromItemName(one);
    if (item !== undefined) bound.add(item);
  });
  return [...used].filter((name) => !bound.has(name));
}

/** What a FROM item is called by the columns that are read from it. */
export function fromItemName(node: Node): string | undefined {
  const table = part(node, "RangeVar");
  if (table !== undefined) return table.alias?.aliasname ?? table.relname;
  const query = part(node, "RangeSubselect");
  if (query !== undefined) return query.alias?.aliasname;
  const call = part(node, "RangeFunction");
  return call && (call.alias?.aliasname ?? rangeFunctionName(node));
}

function rangeFunctionName(node: Node): string | undefined {
  const item = part(part(node, "RangeFunction")?.functions?.[0], "List")?.items?.[0];
  return stringOf(part(item, "FuncCall")?.funcname?.at(-1)) || undefined;
}

/** Would a query within take the name for its own? */
export function isBoundWithin(tree: unknown, alias: string): boolean {
  let bound = false;
  walk(tree, (node) => void (bound ||= fromItemName(node) === alias));
  return bound;
}
