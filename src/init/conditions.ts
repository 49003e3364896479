import type { Node } from "libpg-query";
import { bodyOf } from "../prove/analyse/bodies.ts";
import { inlined } from "../prove/analyse/inline.ts";
import { type Command, policyCondition, type Side } from "../prove/analyse/policy.ts";
import type { ProofRelation, Schema } from "../prove/analyse/schema.ts";
import { literal, part, replace, stringOf, walk, withoutCasts } from "../prove/analyse/tree.ts";

/** The mark of a parameter of the matrix in a tree: `:sub`. */
export const mark = "rowgate:parameter:";

/** What a policy asks of a row, in the policy's own expressions, with who asks as parameters of a matrix. */
export interface Condition {
  readonly tree: Node;
  /** What its only policy is called, if that is short. */
  readonly policy?: string | undefined;
  /** Helper functions that were replaced by their bodies, by the node that replaced each. */
  readonly helpers: ReadonlyMap<Node, string>;
}

/** What the policies of a relation ask for a command; `undefined`: no policy permits it, or they are not understood. */
export function conditionFor(
  relation: ProofRelation,
  inherits: readonly string[],
  command: Command,
  side: Side,
  schema: Schema,
): Condition | undefined {
  const tree = policyCondition(relation, inherits, command, side, schema)?.tree;
  if (tree === undefined) return undefined;
  const helpers = new Map<Node, string>();
  try {
    return {
      tree: opened(tree, schema, helpers, 0),
      helpers,
      policy: policyName(relation, inherits, command),
    };
  } catch {
    return undefined;
  }
}

function policyName(
  relation: ProofRelation,
  inherits: readonly string[],
  command: Command,
): string | undefined {
  const [only, ...more] = relation.policies.filter(
    (one) =>
      (one.command === command || one.command === "all") &&
      one.roles.some((name) => name === "public" || inherits.includes(name)),
  );
  const name =
    only === undefined || more.length > 0
      ? ""
      : only.name
          .trim()
          .toLowerCase()
          .replaceAll(/[^a-z0-9]+/g, "_");
  return /^[a-z]\w{1,19}$/.test(name) ? name : undefined;
}

/** Helper functions inside helper functions: more than these is a recursion. */
const deepest = 6;

function opened<T>(tree: T, schema: Schema, helpers: Map<Node, string>, depth: number): T {
  return replace(tree, (node) => {
    const parameter = parameterIn(node);
    if (parameter !== undefined) return parameter;
    const query = part(node, "SubLink");
    const value = query?.subLinkType === "EXPR_SUBLINK" ? onlyValue(query.subselect) : undefined;
    if (value !== undefined) return opened(value, schema, helpers, depth);
    const call = part(node, "FuncCall");
    const names = (call?.funcname ?? []).map(stringOf);
    const fn = call && schema.callee(names, (call.args ?? []).length);
    const body = fn && depth < deepest && !builtIn.has(names.at(-2) ?? "") ? bodyOf(fn) : undefined;
    if (call === undefined || fn === undefined || body === undefined || fn.returnsSet) return undefined;
    const given = (call.args ?? []).map((one) => opened(one, schema, helpers, depth));
    const select: Node = {
      SubLink: { subLinkType: "EXPR_SUBLINK", subselect: inlined(body, fn, given, schema) },
    };
    const found = opened(select, schema, helpers, depth + 1);
    if (parameterOf(found) === undefined) helpers.set(found, fn.name);
    return found;
  });
}

const builtIn: ReadonlySet<string> = new Set(["pg_catalog", "storage", "realtime", "extensions", "vault"]);

/** `(select x)`, which policies write so that x is evaluated once. */
function onlyValue(node: Node | undefined): Node | undefined {
  const select = part(node, "SelectStmt");
  const [target, ...more] = select?.targetList ?? [];
  const plain = [
    "fromClause",
    "whereClause",
    "groupClause",
    "limitCount",
    "withClause",
    "valuesLists",
    "larg",
  ] as const;
  if (select === undefined || more.length > 0 || plain.some((key) => select[key] !== undefined))
    return undefined;
  return part(target, "ResTarget")?.val;
}

/** The parameter's name, without the colon; casts are looked through. */
export function parameterOf(node: Node | undefined): string | undefined {
  const text = node === undefined ? undefined : part(withoutCasts(node), "A_Const")?.sval?.sval;
  return text?.startsWith(mark) === true ? text.slice(mark.length) : undefined;
}

function standIn(name: string): Node | undefined {
  return /^\w+(\.\w+)*$/.test(name) ? literal(`${mark}${name}`) : undefined;
}

/** `auth.uid()`, `auth.jwt() -> 'app_metadata' ->> 'role'`, `current_setting('app.user_id', true)`. */
function parameterIn(node: Node): Node | undefined {
  const call = part(node, "FuncCall");
  const names = (call?.funcname ?? []).map(stringOf);
  if (call !== undefined && names.at(-2) === "auth") {
    const name = { uid: "sub", email: "claims.email", role: "role" }[names.at(-1) ?? ""];
    return name === undefined ? undefined : standIn(name);
  }
  if (names.at(-1) === "current_setting") return settingIn(textOf(call?.args?.[0]));
  const [value, empty] = nullIf(node) ?? [];
  if (value !== undefined && textOf(empty) === "") return parameterIn(withoutCasts(value));
  const path = claimPath(node);
  if (path === undefined || path.length === 0) return undefined;
  return path.join(".") === "sub" ? standIn("sub") : standIn(["claims", ...path].join("."));
}

function nullIf(node: Node): readonly Node[] | undefined {
  const expression = part(node, "A_Expr");
  if (expression?.kind !== "AEXPR_NULLIF" || expression.lexpr === undefined) return undefined;
  return [expression.lexpr, ...(expression.rexpr === undefined ? [] : [expression.rexpr])];
}

function settingIn(name: string | undefined): Node | undefined {
  if (name === undefined || name === "request.jwt.claims") return undefined;
  const claim = /^request\.jwt\.claim\.(\w+)$/.exec(name)?.[1];
  if (claim === undefined) return name.includes(".") ? standIn(`settings.${name}`) : undefined;
  return standIn(claim === "sub" || claim === "role" ? claim : `claims.${claim}`);
}

/** The keys that lead into the claims, for a value that comes as text; `[]`: the claims themselves. */
function claimPath(node: Node): readonly string[] | undefined {
  const bare = withoutCasts(node);
  const single = onlyValue(part(bare, "SubLink")?.subselect);
  if (single !== undefined) return claimPath(single);
  const call = part(bare, "FuncCall");
  const names = (call?.funcname ?? []).map(stringOf);
  if (names.at(-2) === "auth" && names.at(-1) === "jwt") return [];
  if (names.at(-1) === "current_setting")
    return textOf(call?.args?.[0]) === "request.jwt.claims" ? [] : undefined;
  const [value] = nullIf(bare) ?? [];
  if (value !== undefined) return claimPath(value);
  const step = part(bare, "A_Expr");
  const operator = (step?.name ?? []).map(stringOf).at(-1);
  const above = step?.lexpr && (operator === "->" || operator === "->>") ? claimPath(step.lexpr) : undefined;
  const key = textOf(step?.rexpr);
  return above === undefined || key === undefined ? undefined : [...above, key];
}

export function textOf(node: Node | undefined): string | undefined {
  const constant = node === undefined ? undefined : part(withoutCasts(node), "A_Const");
  if (constant?.boolval !== undefined) return String(constant.boolval.boolval === true);
  if (constant?.ival !== undefined) return String(constant.ival.ival ?? 0);
  return constant?.sval?.sval;
}

/** What is known of a persona: the text of each parameter that it has. */
export type Values = ReadonlyMap<string, string>;

/** What is left of a condition for a persona: what its values decide is decided, what needs a value that it lacks is false. */
export function forPersona({ tree, helpers }: Condition, values: Values): boolean | Node {
  const folded = fold(tree, values);
  if (typeof folded === "boolean") return folded;
  return folded === tree ? tree : named(folded, helpers.get(tree), helpers);
}

function named(node: Node, name: string | undefined, helpers: ReadonlyMap<Node, string>): Node {
  if (name !== undefined && helpers instanceof Map) helpers.set(node, name);
  return node;
}

function fold(node: Node, values: Values): boolean | Node {
  const bool = part(node, "BoolExpr");
  if (bool?.boolop === "AND_EXPR" || bool?.boolop === "OR_EXPR")
    return foldList(bool.boolop, bool.args ?? [], values);
  const constant = part(node, "A_Const")?.boolval;
  if (constant !== undefined) return constant.boolval === true;
  const test = part(node, "NullTest");
  const tested = parameterOf(test?.arg);
  if (tested !== undefined) return values.has(tested) === (test?.nulltesttype === "IS_NOT_NULL");
  const comparison = part(node, "A_Expr");
  const decided = comparison && compared(comparison, values);
  if (decided !== undefined) return decided;
  return parametersOf(node).every((one) => values.has(one)) ? node : false;
}

type Comparison = NonNullable<ReturnType<typeof part<"A_Expr">>>;

/** `:claims.role = 'admin'`, `:role = any (array['a', 'b'])`. */
function compared({ name, lexpr, rexpr, kind }: Comparison, values: Values): boolean | undefined {
  const operator = (name ?? []).map(stringOf).at(-1);
  const asked = parameterOf(lexpr) ?? parameterOf(rexpr);
  if (asked === undefined) return undefined;
  const other = parameterOf(lexpr) === undefined ? lexpr : rexpr;
  const value = values.get(asked);
  const many = other && part(withoutCasts(other), "A_ArrayExpr")?.elements?.map(textOf);
  if (kind === "AEXPR_OP_ANY" && operator === "=" && many !== undefined)
    return value !== undefined && many.includes(value);
  const constant = textOf(other);
  if (kind !== "AEXPR_OP" || constant === undefined || parameterOf(other) !== undefined) return undefined;
  if (operator === "=") return value === constant;
  return operator === "<>" ? value !== undefined && value !== constant : undefined;
}

function foldList(operator: "AND_EXPR" | "OR_EXPR", args: readonly Node[], values: Values): boolean | Node {
  const ends = operator === "OR_EXPR";
  const left = new Map<string, Node>();
  for (const arg of args) {
    const folded = fold(arg, values);
    if (folded === ends) return ends;
    if (typeof folded !== "boolean") left.set(JSON.stringify(folded), folded);
  }
  const [first, ...more] = left.values();
  if (first === undefined) return !ends;
  return more.length === 0 ? first : { BoolExpr: { boolop: operator, args: [...left.values()] } };
}

export function parametersOf(node: Node): readonly string[] {
  const found = new Set<string>();
  walk(node, (one) => {
    const name = part(one, "A_Const") === undefined ? undefined : parameterOf(one);
    if (name !== undefined) found.add(name);
  });
  return [...found];
}

/** Both hold; what one says twice is said once. */
export function both(a: boolean | Node, b: boolean | Node): boolean | Node {
  return foldList("AND_EXPR", [asNode(a), asNode(b)], new Map(parametersOfBoth(a, b)));
}

function asNode(value: boolean | Node): Node {
  return typeof value === "boolean" ? { A_Const: { boolval: value ? { boolval: true } : {} } } : value;
}

function parametersOfBoth(...all: readonly (boolean | Node)[]): readonly (readonly [string, string])[] {
  return all.flatMap((one) =>
    typeof one === "boolean" ? [] : parametersOf(one).map((name) => [name, `:${name}`] as const),
  );
}
