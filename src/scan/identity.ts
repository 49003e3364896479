import type { Node } from "libpg-query";
import { parsePlpgsql, statementsOfAtomic, walkPlpgsql } from "../lib/function-body.ts";
import { parseExpression, parseStatements } from "../lib/sql-tree.ts";
import type { QualifiedName } from "../lib/sql-text.ts";
import type { RelationInfo } from "../model/catalog.ts";
import { fieldsOf, part, stringOf, walk } from "../prove/analyse/tree.ts";

/** Where a session says who asks. */
export type IdentitySource =
  /** `path`: where it is among the claims, if not at the top: `app_metadata`, `tenant`. */
  | { readonly kind: "claim"; readonly name: string; readonly path?: readonly string[] | undefined }
  | { readonly kind: "setting"; readonly name: string };

/** A column that policies compare with who asks: its values are users. */
export interface IdentityColumn {
  readonly relation: RelationInfo;
  readonly column: string;
  readonly source: IdentitySource;
}

/** What policies, and the functions that they may call, ask of rows and sessions. */
export interface Asked {
  readonly identities: readonly IdentityColumn[];
  /** Columns that are compared with constants (`role = 'admin'`): users differ by them. */
  readonly constants: readonly { readonly relation: RelationInfo; readonly column: string }[];
  /** Claims that are compared with constants (`app_metadata.role = 'admin'`), or are true or false by themselves. */
  readonly claims: readonly ClaimValue[];
}

export interface ClaimValue {
  readonly path: readonly string[];
  readonly value: string | true;
}

export interface FunctionBody extends QualifiedName {
  readonly language: string;
  readonly source: string;
  readonly sqlBody: string | null;
}

export function whatPoliciesAsk(
  relations: readonly RelationInfo[],
  functions: readonly FunctionBody[],
): Asked {
  const identities = new Map<string, IdentityColumn>();
  const bodies = functions.map((one) => ({ ...one, trees: bodyTrees(one) }));
  const known = sourceFunctions(bodies);
  const constants = new Map<string, Asked["constants"][number]>();
  const claims = new Map<string, ClaimValue>();
  const addClaim = (path: readonly string[] | undefined, values: readonly (string | true)[]): void => {
    if (path === undefined || serverClaims.has(path.join("."))) return;
    for (const value of values) claims.set(JSON.stringify([path, value]), { path, value });
  };
  const read = (tree: Node, own: RelationInfo | undefined): void => {
    const resolve = resolver(tree, own, relations);
    walk(tree, (node) => {
      for (const [side, other] of comparisons(node)) {
        const source = sourceOf(other, known);
        const values = constantsIn(other);
        addClaim(claimPath(side, known), values);
        for (const { relation, column } of source !== undefined || values.length > 0 ? resolve(side) : []) {
          const key = `${relation.oid}.${column}`;
          if (source !== undefined) identities.set(`${key}.${source.name}`, { relation, column, source });
          else constants.set(key, { relation, column });
        }
      }
      const cast = part(node, "TypeCast");
      if ((cast?.typeName?.names ?? []).map(stringOf).at(-1) === "bool" && cast?.arg !== undefined)
        addClaim(claimPath(cast.arg, known), [true]);
    });
  };
  for (const relation of relations)
    for (const { using, check } of relation.policies)
      for (const text of [using, check])
        if (text !== null) for (const tree of trees(text)) read(tree, relation);
  for (const body of bodies) for (const tree of body.trees) read(tree, undefined);
  for (const one of usersByKey(relations))
    identities.set(`${one.relation.oid}.${one.column}.${one.source.name}`, one);
  return {
    identities: [...identities.values()],
    constants: [...constants.values()],
    claims: [...claims.values()],
  };
}

/** What the auth server says of each token, or the gateway reads: it distinguishes no users. */
const serverClaims: ReadonlySet<string> = new Set(["sub", "role", "iss", "aud", "exp", "iat", "session_id"]);

/** `'a'`, and those of `IN ('a', 'b')`, which the catalogue prints as `= ANY (ARRAY['a', 'b'])`. */
function constantsIn(node: Node): readonly string[] {
  const value = withoutCast(node);
  const items = part(value, "A_ArrayExpr")?.elements ?? part(value, "List")?.items;
  if (items !== undefined) return items.flatMap(constantsIn);
  const constant = part(value, "A_Const");
  if (constant === undefined) return [];
  return [constant.sval?.sval ?? String(constant.ival?.ival ?? constant.fval?.fval ?? "")];
}

/** Where a claim is that an expression reads: `auth.jwt() -> 'app_metadata' ->> 'role'`; `undefined`: it is no claim. */
function claimPath(node: Node, known: ReadonlyMap<string, IdentitySource>): readonly string[] | undefined {
  const value = withoutCast(node);
  const target = part(
    part(part(value, "SubLink")?.subselect, "SelectStmt")?.targetList?.[0],
    "ResTarget",
  )?.val;
  if (target !== undefined) return claimPath(target, known);
  const call = part(value, "FuncCall");
  if (call !== undefined) {
    const name = (call.funcname ?? []).map(stringOf).at(-1) ?? "";
    const source = known.get(name);
    if (source?.kind === "claim") return source.path ?? (source.name === "" ? [] : [source.name]);
    if (name === "jwt") return [];
    if (name === "coalesce" || name === "nullif")
      return call.args?.[0] === undefined ? undefined : claimPath(call.args[0], known);
    return name === "current_setting" && textOf(call.args?.[0]) === "request.jwt.claims" ? [] : undefined;
  }
  const first = part(value, "CoalesceExpr")?.args?.[0] ?? part(value, "A_Expr")?.lexpr;
  const within = first === undefined ? undefined : claimPath(first, known);
  const json = part(value, "A_Expr");
  if (json === undefined || within === undefined) return within;
  const operator = (json.name ?? []).map(stringOf).at(-1);
  const key = textOf(json.rexpr);
  if (json.kind === "AEXPR_NULLIF") return within;
  if (key === undefined) return undefined;
  if (operator === "->" || operator === "->>") return [...within, key];
  return operator === "#>>" || operator === "#>"
    ? [...within, ...key.replaceAll(/[{}"]/g, "").split(",")]
    : undefined;
}

/** Both sides of `a = b`, each as the one that may be a column; `a IN (select b …)` compares with what the subquery selects. */
function comparisons(node: Node): readonly (readonly [Node, Node])[] {
  const expression = part(node, "A_Expr");
  const { lexpr, rexpr } = expression ?? {};
  const operator = (expression?.name ?? []).map(stringOf).at(-1);
  if (lexpr !== undefined && rexpr !== undefined && operator === "=")
    return [
      [lexpr, rexpr],
      [rexpr, lexpr],
    ];
  const link = part(node, "SubLink");
  const target = part(part(link?.subselect, "SelectStmt")?.targetList?.[0], "ResTarget")?.val;
  return link?.subLinkType === "ANY_SUBLINK" && link.testexpr !== undefined && target !== undefined
    ? [
        [target, link.testexpr],
        [link.testexpr, target],
      ]
    : [];
}

function withoutCast(node: Node): Node {
  const inner = part(node, "TypeCast")?.arg;
  return inner === undefined ? node : withoutCast(inner);
}

/** What `auth.users` is referred to by holds users, whatever policies ask. */
function usersByKey(relations: readonly RelationInfo[]): readonly IdentityColumn[] {
  return relations.flatMap((relation) =>
    relation.constraints.flatMap(({ type, references, columns: [column, ...more] }) =>
      type === "foreign key" &&
      references?.schema === "auth" &&
      references.name === "users" &&
      column !== undefined &&
      more.length === 0
        ? [{ relation, column, source: { kind: "claim", name: "sub" } as const }]
        : [],
    ),
  );
}

/** Supabase's own. */
const platformSources: readonly (readonly [string, IdentitySource])[] = [
  ["uid", { kind: "claim", name: "sub" }],
  ["email", { kind: "claim", name: "email" }],
];

/** Functions that do nothing but say who asks: `app.user_id()`, which returns `current_setting('app.user_id')`. */
function sourceFunctions(
  bodies: readonly (FunctionBody & { readonly trees: readonly Node[] })[],
): ReadonlyMap<string, IdentitySource> {
  const known = new Map(platformSources);
  for (const { name, trees: all } of bodies) {
    const [tree, ...more] = all;
    const select = part(tree, "SelectStmt");
    const value = part(select?.targetList?.[0], "ResTarget")?.val;
    const isOne =
      more.length === 0 && (select?.fromClause ?? []).length === 0 && select?.targetList?.length === 1;
    const source = isOne && value !== undefined ? sourceOf(value, known) : undefined;
    if (source !== undefined) known.set(name, source);
  }
  return known;
}

/** `auth.uid()`, `auth.jwt() ->> 'email'`, `current_setting('app.user_id')`, also as `(select auth.uid())`. */
function sourceOf(node: Node, known: ReadonlyMap<string, IdentitySource>): IdentitySource | undefined {
  let found: IdentitySource | undefined;
  let key: string | undefined;
  let reads = false;
  walk(node, (one) => {
    if (fieldsOf(one) !== undefined) reads = true;
    const json = part(one, "A_Expr");
    if ((json?.name ?? []).map(stringOf).at(-1) === "->>") key ??= textOf(json?.rexpr);
    const call = part(one, "FuncCall");
    const name = (call?.funcname ?? []).map(stringOf).at(-1);
    const setting = textOf(call?.args?.[0]);
    const direct = known.get(name ?? "");
    if (direct !== undefined) found = direct;
    else if (name === "jwt") found = { kind: "claim", name: "" };
    else if (name === "current_setting" && setting !== undefined) found = settingSource(setting);
  });
  if (reads || found === undefined) return undefined;
  if (found.kind !== "claim" || found.name !== "") return found;
  const path = claimPath(node, known);
  const name = path?.at(-1) ?? key;
  if (name === undefined) return undefined;
  return { ...found, name, ...(path !== undefined && path.length > 1 && { path }) };
}

function settingSource(name: string): IdentitySource {
  const claim = /^request\.jwt\.claim\.(.+)$/.exec(name)?.[1];
  if (claim !== undefined) return { kind: "claim", name: claim };
  return name === "request.jwt.claims" ? { kind: "claim", name: "" } : { kind: "setting", name };
}

function textOf(node: Node | undefined): string | undefined {
  return node === undefined ? undefined : part(withoutCast(node), "A_Const")?.sval?.sval;
}

type Resolve = (side: Node) => readonly { readonly relation: RelationInfo; readonly column: string }[];

/** Which columns a name may mean: those of the relation it names, or of any that the SQL reads. */
function resolver(tree: Node, own: RelationInfo | undefined, relations: readonly RelationInfo[]): Resolve {
  const read = new Map<string, RelationInfo>();
  walk(tree, (node) => {
    const range = part(node, "RangeVar");
    if (range?.relname === undefined) return;
    const found = relations.filter(
      ({ name, schema }) =>
        name === range.relname && (range.schemaname === undefined || schema === range.schemaname),
    );
    const [relation] = found.toSorted((a) => (a.schema === "public" ? -1 : 1));
    if (relation !== undefined) read.set(range.alias?.aliasname ?? range.relname, relation);
  });
  return (side) => {
    const names = fieldsOf(withoutCast(side));
    const column = names?.at(-1);
    if (names === undefined || column === undefined) return [];
    const qualifier = names.at(-2);
    const meant =
      qualifier === undefined
        ? own === undefined
          ? [...read.values()]
          : [own]
        : [read.get(qualifier) ?? (own?.name === qualifier ? own : undefined)];
    return meant.flatMap((relation) =>
      relation?.columns.some(({ name }) => name === column) === true ? [{ relation, column }] : [],
    );
  };
}

/** Nothing where the parser cannot read it: a user that is not found is one persona less, and no verdict. */
function trees(sql: string): readonly Node[] {
  for (const parse of [parseStatements, (text: string) => [parseExpression(text)]])
    try {
      return parse(sql);
    } catch {
      // Not this form.
    }
  return [];
}

function bodyTrees({ language, source, sqlBody }: FunctionBody): readonly Node[] {
  if (language === "sql")
    return trees(sqlBody === null ? source : statementsOfAtomic(sqlBody).replace(/^\s*return\s|;\s*$/gi, ""));
  try {
    const found: Node[] = [];
    walkPlpgsql(parsePlpgsql({ source, returns: "trigger" }), (_, { query }) => {
      if (typeof query === "string") found.push(...trees(query));
    });
    return found;
  } catch {
    return [];
  }
}
