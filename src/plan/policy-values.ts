import type { Node } from "libpg-query";
import { parseExpression } from "../lib/sql-tree.ts";
import type { ColumnInfo, PolicyInfo, RelationInfo } from "../model/catalog.ts";
import type { Json, Persona } from "../model/matrix.ts";
import { literalFor, subjectOf } from "./subject.ts";

type Values = Readonly<Record<string, string | null>>;

const atMost = 6;

/**
 * Values that the policies of a write ask for by name: `status = 'draft'`, `school = (auth.jwt() ->> 'school')::int`. No row
 * needs to hold them, so copies of rows would not find them. A guess that is wrong is one more refused candidate, and what
 * it misses is only less tried.
 */
export function policyRows(
  info: RelationInfo,
  persona: Persona,
  command: "insert" | "update",
  columns: readonly ColumnInfo[],
): readonly Values[] {
  const rows = info.policies
    .filter((policy) => policy.permissive && (policy.command === command || policy.command === "all"))
    .flatMap((policy) => rowsOf(info, policy, persona, columns));
  return [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()].slice(0, atMost);
}

function rowsOf(
  info: RelationInfo,
  policy: PolicyInfo,
  persona: Persona,
  columns: readonly ColumnInfo[],
): readonly Values[] {
  const wishes = wishesOf(info, policy);
  const wanted = columns.flatMap((column) => {
    const values = wishes
      .filter((wish) => wish.column === column.name)
      .flatMap(({ value }): readonly (string | null)[] =>
        value === null ? [null] : valuesIn(value, persona),
      )
      .flatMap((value): readonly (string | null)[] =>
        [value === null ? null : literalFor(value, column)].filter((one) => one !== undefined),
      );
    return values.length > 0 ? [[column.name, values] as const] : [];
  });
  const most = Math.max(0, ...wanted.map(([, values]) => values.length));
  return Array.from({ length: most }, (_, index) =>
    Object.fromEntries(wanted.map(([name, values]) => [name, values[index] ?? values[0] ?? null])),
  );
}

/** What a policy wants a column to hold: a value that is written out or that an expression gives for a persona, or NULL. */
interface Wish {
  readonly column: string;
  readonly value: Node | string | null;
}

/** Read once: a policy says the same to every persona. */
const read = new WeakMap<PolicyInfo, readonly Wish[]>();

function wishesOf(info: RelationInfo, policy: PolicyInfo): readonly Wish[] {
  const known = read.get(policy);
  if (known !== undefined) return known;
  const text = policy.check ?? policy.using;
  const found = text === null ? [] : wishesIn(parseExpression(text), info, false);
  read.set(policy, found);
  return found;
}

/** @param negated under NOT, or IS FALSE */
function wishesIn(node: Node, info: RelationInfo, negated: boolean): readonly Wish[] {
  if ("ColumnRef" in node) return flags(node, info, negated);
  if ("NullTest" in node && node.NullTest.nulltesttype === "IS_NULL")
    return columnsIn(node, info).map(({ name }) => ({ column: name, value: null }));
  const sides = "A_Expr" in node && operatorOf(node) === "=" ? [node.A_Expr.lexpr, node.A_Expr.rexpr] : [];
  const [left, right] = sides;
  const isNot =
    ("BoolExpr" in node && node.BoolExpr.boolop === "NOT_EXPR") ||
    ("BooleanTest" in node && ["IS_FALSE", "IS_NOT_TRUE"].includes(node.BooleanTest.booltesttype ?? ""));
  return [
    ...compared(left, right, info, negated),
    ...compared(right, left, info, negated),
    ...partsOf(node)
      .filter((one) => sides.length === 0 || "SubLink" in one)
      .flatMap((one) => wishesIn(one, info, negated !== isNot)),
  ];
}

/** `column = value`; a boolean column under NOT is to be the other one. */
function compared(
  side: Node | undefined,
  other: Node | undefined,
  info: RelationInfo,
  negated: boolean,
): readonly Wish[] {
  if (other === undefined) return [];
  const told = constantsIn(other);
  return columnsIn(side, info).flatMap(({ name, type }): readonly Wish[] => {
    if (type !== "boolean") return [{ column: name, value: other }];
    const flag = told[0] === "false";
    return [{ column: name, value: flag === negated ? "true" : "false" }];
  });
}

function flags(node: Node | undefined, info: RelationInfo, negated: boolean): readonly Wish[] {
  return columnsIn(node, info)
    .filter(({ type }) => type === "boolean")
    .map(({ name }) => ({ column: name, value: negated ? "false" : "true" }));
}

/** Columns of the row that the policy is asked about; a subquery has others, under other names. */
function columnsIn(node: Node | undefined, { name, columns }: RelationInfo): readonly ColumnInfo[] {
  // What is within a document is no value of its column.
  if (node === undefined || jsonKeyIn(node) !== undefined) return [];
  return nodesIn(node).flatMap((one) => {
    if (!("ColumnRef" in one)) return [];
    const names = (one.ColumnRef.fields ?? []).map((field) =>
      "String" in field ? field.String.sval : undefined,
    );
    const isOwn = names.length === 1 || names.at(-2) === name;
    return isOwn ? columns.filter((column) => column.name === names.at(-1)) : [];
  });
}

/** What the persona itself brings, or what is written out. */
function valuesIn(node: Node | string, persona: Persona): readonly string[] {
  if (typeof node === "string") return [node];
  const key = jsonKeyIn(node);
  if (key !== undefined) return scalars(persona.claims ?? {}, key);
  const calls = nodesIn(node).flatMap((one) => ("FuncCall" in one ? [one.FuncCall] : []));
  for (const { funcname = [], args = [] } of calls) {
    const last = funcname.at(-1);
    const name = last !== undefined && "String" in last ? last.String.sval : undefined;
    const setting = args[0] && constantsIn(args[0])[0];
    if (name === "current_setting")
      return [persona.settings[setting ?? ""]].filter((one) => one !== undefined);
    if (name === "uid" || name === "sub")
      return [subjectOf(persona.claims)].filter((one) => one !== undefined);
  }
  return calls.length > 0 ? [] : constantsIn(node).flatMap(elementsOf);
}

/** `= ANY ('{a,b}'::text[])` */
function elementsOf(text: string): readonly string[] {
  return /^\{[^{}"\\]+\}$/.test(text) ? [...text.slice(1, -1).split(","), text] : [text];
}

/** `… ->> 'school'` */
function jsonKeyIn(node: Node): string | undefined {
  for (const one of nodesIn(node)) {
    if (!("A_Expr" in one) || !["->", "->>"].includes(operatorOf(one) ?? "")) continue;
    return one.A_Expr.rexpr && constantsIn(one.A_Expr.rexpr)[0];
  }
  return undefined;
}

function constantsIn(node: Node): readonly string[] {
  return nodesIn(node).flatMap((one) => {
    if (!("A_Const" in one)) return [];
    const { sval, ival, fval, boolval } = one.A_Const as Constant;
    if (boolval !== undefined) return [String(boolval.boolval ?? false)];
    return sval?.sval ?? fval?.fval ?? (ival === undefined ? [] : String(ival.ival ?? 0));
  });
}

/** What is zero, false or empty is left out of a node. */
interface Constant {
  readonly sval?: { readonly sval?: string };
  readonly ival?: { readonly ival?: number };
  readonly fval?: { readonly fval?: string };
  readonly boolval?: { readonly boolval?: boolean };
}

function operatorOf(node: Extract<Node, { A_Expr: unknown }>): string | undefined {
  const last = node.A_Expr.name?.at(-1);
  return last !== undefined && "String" in last ? last.String.sval : undefined;
}

/** The node and all below it, outermost first; not what a subquery reads from elsewhere, nor types. */
function nodesIn(node: Node): readonly Node[] {
  return [
    node,
    ...partsOf(node)
      .filter((one) => !readsElsewhere(one))
      .flatMap(nodesIn),
  ];
}

function readsElsewhere(node: Node): boolean {
  return "SelectStmt" in node && (node.SelectStmt.fromClause ?? []).length > 0;
}

function partsOf(node: Node): readonly Node[] {
  return Object.values(node).flatMap(below);
}

function below(value: unknown): readonly Node[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, one]: [string, unknown]) => {
    if (typeof one !== "object" || one === null || name === "typeName") return [];
    return /^[A-Z]/.test(name) ? [{ [name]: one } as unknown as Node] : below(one);
  });
}

/** Text of every claim of this name, at whatever depth. */
function scalars(value: Json, key: string): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]: [string, Json]) =>
    typeof member === "object" ? scalars(member, key) : name === key ? [String(member)] : [],
  );
}
