import type { Node } from "libpg-query";
import { isJsonText } from "../../lib/json.ts";
import { perObject } from "../../lib/recent.ts";
import { parseExpression } from "../../lib/sql-tree.ts";
import type { PolicyInfo } from "../../model/catalog.ts";
import { bodyOf } from "./bodies.ts";
import { inlined, type Reading } from "./inline.ts";
import { type ProofFunction, type ProofRelation, type Schema, viewStatements } from "./schema.ts";
import { contentOf, onlyValue, part, replace, stringOf, subselect, walk, withoutCasts } from "./tree.ts";

/** The token as a whole is read, by a path or pattern that may mean any claim. */
export const anyClaim = "of any name";

/** What `->'roles' ? 'editor'` asks for: an element of a list, or a key. */
export function memberOf(text: string): string {
  return `? ${text}`;
}

/** A claim of that name, wherever it is in the token: the text of a body does not say where. */
export function claimAnywhere(name: string): string {
  return `*.${name}`;
}

/** A claim, or a member of one, as people name it. */
export function shownClaim(claim: string): string {
  return claim.replace(/^(?:\? |\*\.)/, "");
}

/** What follows from an expression's content alone: once for all that say the same, as policies of many relations do. */
export function perContent<T>(
  make: (tree: Node, reading: Reading, role: string | null) => T,
): (tree: Node, reading: Reading, role: string | null) => T {
  const knownOf = perObject((_schema: Schema) => new Map<string, { readonly value: T }>());
  return (tree, reading, role) => {
    const known = knownOf(reading.schema);
    const key = JSON.stringify(role) + contentOf(tree);
    const made = known.get(key) ?? { value: make(tree, reading, role) };
    known.set(key, made);
    return made.value;
  };
}

/** Names of claims that are read, in the bodies of helpers too: `auth.jwt() ->> 'plan'`, `my_claim('plan')`. */
export function claimsRead(tree: Node, reading: Reading): ReadonlySet<string> {
  return knownClaims(tree, reading, null);
}

const knownClaims = perContent((tree, reading) => {
  const found = new Set<string>();
  const whole = withBodies(tree, reading);
  for (const fn of whole.opaque) for (const one of claimsInText(fn)) found.add(one);
  visit(whole.tree, found);
  return found;
});

/** Every token has them, and each has others: they are a clock. */
export function isOfToken(claim: string): boolean {
  return /^(?:exp|iat|nbf|auth_time)$/.test(shownClaim(claim));
}

/** How a user signed in, and what a user adds by himself: the same user may have another one, which is no other persona. */
export function isOfSession(claim: string): boolean {
  return /^(?:aal|amr|is_anonymous|phone)$/.test(shownClaim(claim).split(".")[0] ?? "");
}

export const claimsBehind: (tree: Node, reading: Reading, role: string | null) => ReadonlySet<string> =
  perContent(
    (tree, reading, role) =>
      new Set(conditionsBehind(tree, reading, role).flatMap((one) => [...claimsRead(one, reading)])),
  );

/**
 * What decides elsewhere than in the expression: views, and the policies of other relations, where the role itself meets these (in
 * subqueries, in views with `security_invoker`, in functions with the caller's rights).
 */
export function conditionsBehind(tree: Node, reading: Reading, role: string | null): readonly Node[] {
  const found: Node[] = [];
  const seen = { byCaller: new Set<object>(), byOthers: new Set<object>() };
  const meet = (one: ProofRelation | ProofFunction, byCaller: boolean): void => {
    const met = seen[byCaller ? "byCaller" : "byOthers"];
    if (met.has(one)) return;
    met.add(one);
    if ("source" in one) {
      const body = bodyOf(one);
      if (body !== undefined) follow(body, byCaller && !one.definer);
      else for (const other of namedIn(one, reading)) meet(other, byCaller && !one.definer);
      return;
    }
    for (const inner of ruling(one, role, byCaller)) {
      found.push(inner);
      follow(inner, byCaller && (one.definition === null || one.securityInvoker));
    }
  };
  const follow = (node: Node, byCaller: boolean): void =>
    walk(node, (each) => {
      for (const one of metBy(each, reading)) meet(one, byCaller);
    });
  follow(tree, true);
  return found;
}

/** The relation that a node reads, or the functions that it may call. */
function metBy(node: Node, { schema }: Reading): readonly (ProofRelation | ProofFunction)[] {
  const { schemaname, relname } = part(node, "RangeVar") ?? {};
  const relation = relname === undefined ? undefined : schema.relation(schemaname, relname);
  if (relation !== undefined) return [relation];
  const call = part(node, "FuncCall");
  return call === undefined ? [] : schema.namesakes(stringOf(call.funcname?.at(-1)));
}

/** Relations that a body names which is no expression. */
function namedIn({ source, sqlBody }: ProofFunction, { schema }: Reading): readonly ProofRelation[] {
  const words = new Set(`${source} ${sqlBody ?? ""}`.toLowerCase().match(/[\p{L}_][\p{L}\w$]*/gu));
  return [...schema.relations].filter(({ name }) => words.has(name.toLowerCase()));
}

/** What decides which of its rows are read: of a view its query, of a table its policies for the role. */
function ruling(relation: ProofRelation, role: string | null, byCaller: boolean): readonly Node[] {
  if (relation.definition !== null) return viewStatements(relation);
  if (!relation.rls || !byCaller) return [];
  return relation.policies
    .filter(
      ({ command, roles }) =>
        /^(?:select|all)$/.test(command) && roles.some((one) => one === "public" || one === role),
    )
    .flatMap((one) => usingOf(one) ?? []);
}

const usingOf = perObject(({ using }: PolicyInfo) => (using === null ? undefined : parseExpression(using)));

const known: ReadonlySet<string> = new Set(["uid", "role", "email", "jwt"]);

/** An expression with the bodies of helpers in the place of their calls, and the functions whose bodies are no expressions. */
export interface WithBodies {
  readonly tree: Node;
  readonly opaque: readonly ProofFunction[];
}

export function withBodies(tree: Node, reading: Reading): WithBodies {
  const opaque: ProofFunction[] = [];
  return { tree: withBodiesOf(tree, reading, opaque, 0), opaque };
}

function withBodiesOf(tree: Node, reading: Reading, opaque: ProofFunction[], depth: number): Node {
  return replace(tree, (node) => {
    const call = part(node, "FuncCall");
    const args = call?.args ?? [];
    const fn = call && reading.schema.callee((call.funcname ?? []).map(stringOf), args.length);
    // With a default in the place of an argument, or one of several.
    if (call !== undefined && fn === undefined)
      opaque.push(
        ...reading.schema
          .namesakes(stringOf(call.funcname?.at(-1)))
          .filter(({ schema }) => schema !== "auth"),
      );
    if (fn === undefined || depth > 5 || (fn.schema === "auth" && known.has(fn.name))) return undefined;
    try {
      const body = bodyOf(fn);
      const select = body && part(inlined(body, fn, args, reading.schema), "SelectStmt");
      if (select !== undefined)
        return withBodiesOf(onlyValue(select) ?? subselect(select), reading, opaque, depth + 1);
    } catch {
      // Searched as text.
    }
    opaque.push(fn);
    return undefined;
  });
}

function claimsInText({ source, sqlBody, defaults }: ProofFunction): readonly string[] {
  const text = `${source} ${sqlBody ?? ""} ${defaults ?? ""}`;
  if (/\bcurrent_setting\s*\(\s*[^'\s]/i.test(text)) return [anyClaim];
  if (!/\bjwt\s*\(\s*\)|request\.jwt\.claim/.test(text)) return [];
  const paths: string[] = [];
  const rest = text.replaceAll(chain, (_, keys: string) => {
    paths.push([...keys.matchAll(/'([^']+)'/g)].map(([, key]) => key).join("."));
    return "";
  });
  const keys = [...rest.matchAll(/(?:->>?|#>>?|\?)\s*'([^']+)'|request\.jwt\.claim\.(\w+)/g)].flatMap(
    ([, path, setting]) => (path === undefined ? (setting ?? []) : pathKeys(path)),
  );
  return keys.length + paths.length === 0 ? [anyClaim] : [...paths, ...keys.map(claimAnywhere)];
}

/** `auth.jwt() -> 'app_metadata' ->> 'role'`: a claim by its whole path. */
const chain =
  /(?:\bjwt\s*\(\s*\)|'request\.jwt\.claims'\s*(?:,\s*true\s*)?\))[\s)]*(?:::\s*jsonb?[\s)]*)?((?:->>?\s*'[^']+'[\s)]*)+)/gi;

function pathKeys(text: string): readonly string[] {
  return text
    .replaceAll(/[{}"\s]/g, "")
    .split(",")
    .filter((one) => one !== "");
}

function visit(tree: unknown, found: Set<string>): void {
  walk(tree, (node) => {
    const setting = settingRead(node);
    // By a name that is made up it may be a header, or anything of the token; a request may ask for a time zone.
    if (setting === undefined || /^timezone$/i.test(setting)) found.add(anyClaim);
    const single = /^request\.jwt\.claim\.(\w+)$/.exec(setting ?? "")?.[1];
    if (single !== undefined) found.add(single);
    const contained = containment(node);
    if (contained !== undefined) {
      for (const path of contained) addPath(path, found);
      return false;
    }
    const tested = part(node, "NullTest")?.arg;
    if (tested !== undefined && pathOf(tested)?.length === 0) return false;
    const path = pathOf(node);
    if (path === undefined) return true;
    addPath(path, found);
    // What such a document holds may be anything.
    if (path.length === 0 || /^(?:app|user)_metadata$/.test(path.at(-1) ?? "")) found.add(anyClaim);
    return false;
  });
}

/** `app_metadata.role` is no other claim's `role`; what a list must hold, and what is not known, has no place of its own. */
function addPath(path: readonly string[], found: Set<string>): void {
  const keys = path.filter((one) => one !== anyClaim && !one.startsWith(memberOf("")));
  for (const one of path) if (!keys.includes(one)) found.add(one);
  if (keys.length > 0) found.add(keys.join("."));
}

/** `auth.jwt() @> '{"plan": "pro"}'`: the paths that it asks for. */
function containment(node: Node): readonly (readonly string[])[] | undefined {
  const { name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
  if (stringOf(name?.at(-1)) !== "@>" || lexpr === undefined || rexpr === undefined) return undefined;
  const path = pathOf(lexpr);
  const text = constantText(rexpr);
  if (path === undefined || text === undefined || !isJsonText(text)) return undefined;
  const inner = pathsIn(JSON.parse(text));
  return inner.length === 0 ? [path] : inner.map((one) => [...path, ...one]);
}

function pathsIn(value: unknown): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(pathsIn);
  return Object.entries(value).flatMap(([key, one]) => [
    [key],
    ...pathsIn(one).map((path) => [key, ...path]),
  ]);
}

const claimsOfCalls: ReadonlyMap<string, string> = new Map([
  ["uid", "sub"],
  ["email", "email"],
  ["role", "role"],
]);

/** Keys by which a part of the claims is read; empty: all of them; `undefined`: it is no part of them. */
export function pathOf(node: Node): readonly string[] | undefined {
  const call = part(node, "FuncCall");
  const name = stringOf(call?.funcname?.at(-1));
  const own = stringOf(call?.funcname?.at(-2)) === "auth" ? claimsOfCalls.get(name) : undefined;
  if (own !== undefined) return [own];
  if (name === "jwt" || settingRead(node) === "request.jwt.claims") return [];
  if (/^jsonb?_extract_path(?:_text)?$/.test(name)) {
    const [of, ...keys] = call?.args ?? [];
    const path = of && pathOf(of);
    return path && [...path, ...keys.flatMap((one) => constantKeys(one) ?? anyClaim)];
  }
  const cast = part(node, "TypeCast")?.arg;
  if (cast !== undefined) return pathOf(cast);
  const list = part(node, "CoalesceExpr")?.args;
  if (list !== undefined) return list.map(pathOf).find((one) => one !== undefined);
  const select = part(part(node, "SubLink")?.subselect, "SelectStmt");
  const value = select && onlyValue(select);
  if (value !== undefined) return pathOf(value);
  const operation = part(node, "A_Expr");
  if (operation?.lexpr === undefined) return undefined;
  const { kind, name: operator, lexpr, rexpr } = operation;
  if (kind === "AEXPR_NULLIF") return pathOf(lexpr);
  const by = stringOf(operator?.at(-1));
  const path = /^(?:->>?|#>>?|\?)$/.test(by) ? pathOf(lexpr) : undefined;
  if (path === undefined || rexpr === undefined) return undefined;
  const keys = constantKeys(rexpr);
  if (keys === undefined) return [...path, ...(by === "?" && path.length > 0 ? [] : [anyClaim])];
  if (by === "?" && path.length > 0) return [...path, ...keys.map(memberOf)];
  return [...path, ...(by.startsWith("#") ? keys.flatMap(pathKeys) : keys)];
}

/** The name of a setting; empty: none is read; `undefined`: its name is not written out. */
export function settingRead(node: Node): string | undefined {
  const call = part(node, "FuncCall");
  const [of] = call?.args ?? [];
  if (stringOf(call?.funcname?.at(-1)) !== "current_setting" || of === undefined) return "";
  return constantText(of);
}

function constantKeys(node: Node): readonly string[] | undefined {
  const elements = part(withoutCasts(node), "A_ArrayExpr")?.elements ?? [node];
  const keys = elements.flatMap((one) => constantText(one) ?? []);
  return keys.length === elements.length ? keys : undefined;
}

export function constantText(node: Node): string | undefined {
  const constant = part(withoutCasts(node), "A_Const");
  return constant?.sval?.sval ?? (constant?.ival === undefined ? undefined : String(constant.ival.ival ?? 0));
}
