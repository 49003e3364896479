import type { A_Expr, Node } from "libpg-query";
import type { Json } from "../../model/matrix.ts";
import { isJsonText } from "../../lib/json.ts";
import {
  anyClaim,
  conditionsBehind,
  constantText,
  memberOf,
  pathOf,
  perContent,
  settingRead,
  withBodies,
} from "./claims.ts";
import { mentionsOf } from "./function-mentions.ts";
import type { Reading } from "./inline.ts";
import type { ProofFunction, ProofRelation } from "./schema.ts";
import { fieldsOf, fromItemName, part, readsRow, row, stringOf, walk, withoutCasts } from "./tree.ts";

/** A claim, or another setting of the session: where it is, and by which keys. */
export interface ClaimSource {
  readonly setting: string;
  readonly path: readonly string[];
}

/** What a policy, or what it calls, compares a claim with, none of it of the policy's row. */
export interface ComparedClaim extends ClaimSource {
  /** Constants, and values beside them. */
  readonly values: readonly Json[];
  /** Columns of tables in which it is looked up. */
  readonly lookups: readonly { readonly relation: ProofRelation; readonly column: string }[];
  /** All constants of these expressions: what a list of values may have to hold, or what is compared in a way that is not known. */
  readonly around: readonly Json[];
}

export const jwtClaims = "request.jwt.claims";

export function claimKey({ setting, path }: ClaimSource): string {
  return setting === jwtClaims ? path.join(".") : setting;
}

/** @param role whose policies of other relations count */
export const comparedClaims: (tree: Node, reading: Reading, role: string | null) => readonly ComparedClaim[] =
  perContent((tree, reading, role) => {
    const found = new Collector(reading);
    const behind = conditionsBehind(tree, reading, role).map((one) => withBodies(one, reading));
    const own = withBodies(tree, reading);
    for (const one of [own, ...behind]) {
      found.read(one.tree);
      for (const fn of one.opaque) found.readOpaque(fn);
    }
    // What a view makes of the token is compared where the view is read.
    for (const one of behind) found.meetAll(one.tree, [own.tree]);
    return found.all();
  });

interface Found extends ClaimSource {
  readonly values: Map<string, Json>;
  readonly lookups: Map<string, ComparedClaim["lookups"][number]>;
}

class Collector {
  readonly #reading: Reading;
  readonly #found = new Map<string, Found>();
  readonly #done = new Set<ProofFunction>();
  readonly #constants = new Set<string>();
  #relations = new Map<string, ProofRelation[]>();

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  all(): readonly ComparedClaim[] {
    const around = [...this.#constants].map(jsonOf);
    return [...this.#found.values()].map((one) => ({
      ...one,
      around,
      values: [...one.values.values()],
      lookups: [...one.lookups.values()],
    }));
  }

  read(tree: Node): void {
    this.#name(tree);
    for (const text of constantsIn(tree)) for (const one of itemsOf(text)) this.#constants.add(one);
    walk(tree, (node) => {
      const own = claimsIn(node, true);
      for (const source of own) this.#of(source);
      if (own.length > 0) return false;
      this.#containment(node);
      const expression = part(node, "A_Expr");
      if (expression !== undefined) this.#comparison(expression);
      const query = part(node, "SubLink");
      if (query?.testexpr !== undefined) this.#meet(query.testexpr, [node], "=");
      const choice = part(node, "CaseExpr");
      if (choice?.arg !== undefined)
        this.#meet(
          choice.arg,
          (choice.args ?? []).flatMap((one) => part(one, "CaseWhen")?.expr ?? []),
          "=",
        );
      const cast = part(node, "TypeCast");
      const named = stringOf(cast?.typeName?.names?.at(-1));
      if (cast?.arg !== undefined && named === "bool")
        for (const source of claimsIn(cast.arg)) for (const value of [true, false]) this.#add(source, value);
      const call = part(node, "FuncCall");
      for (const one of call?.args ?? [])
        this.#meet(
          one,
          (call?.args ?? []).filter((other) => other !== one),
          "()",
        );
      return true;
    });
  }

  /** A body that is no expression: each claim that it reads may meet each of its constants, and each column that it compares. */
  readOpaque(fn: ProofFunction): void {
    if (this.#done.has(fn)) return;
    this.#done.add(fn);
    const { trees } = mentionsOf({ ...fn, oid: "", trigger: fn.returns === "trigger" });
    const whole = trees.map((one) => withBodies(one, this.#reading));
    const all = whole.map(({ tree }) => tree);
    for (const one of all) this.read(one);
    for (const one of all) this.meetAll(one, all);
    for (const { opaque } of whole) for (const one of opaque) this.readOpaque(one);
  }

  /** Each claim of a tree may meet each constant of others, and each column that they compare with another. */
  meetAll(tree: Node, others: readonly Node[]): void {
    const sources = claimsIn(tree);
    if (sources.length === 0) return;
    for (const one of others) this.#name(one);
    const columns = others.flatMap(comparedColumns).flatMap((names) => this.#columns(names));
    for (const source of sources) {
      for (const text of others.flatMap(constantsIn)) this.#addNear(source, text, "=", true);
      for (const one of columns) this.#of(source).lookups.set(`${one.relation.name}.${one.column}`, one);
    }
  }

  #comparison({ kind, name, lexpr, rexpr }: A_Expr): void {
    if (lexpr === undefined || rexpr === undefined) return;
    const operator = /LIKE|SIMILAR/.test(kind ?? "") ? "~" : stringOf(name?.at(-1));
    if (!/^(?:=|<>|!=|[<>]=?|!?~~?\*?|BETWEEN|NOT BETWEEN|\?[|&]?)$/.test(operator)) return;
    const by = /BETWEEN/.test(operator) ? "<" : operator.startsWith("?") ? "=" : operator;
    this.#meet(lexpr, [rexpr], by);
    this.#meet(rexpr, [lexpr], by);
  }

  #meet(side: Node, others: readonly Node[], operator: string): void {
    const sources = claimsIn(side);
    if (sources.length === 0) return;
    const direct = pathOf(side) !== undefined || otherSetting(side) !== undefined;
    for (const other of others) {
      const columns = readColumns(other).flatMap((one) => this.#columns(one));
      const constants = readsRow(other) ? [] : constantsIn(other);
      for (const source of sources) {
        for (const text of constants) this.#addNear(source, text, operator, !direct);
        for (const one of columns) this.#of(source).lookups.set(`${one.relation.name}.${one.column}`, one);
      }
    }
  }

  /** `auth.jwt() @> '{"plan": "pro"}'` */
  #containment(node: Node): void {
    const { name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
    const path = stringOf(name?.at(-1)) === "@>" && lexpr !== undefined ? pathOf(lexpr) : undefined;
    const text = rexpr && constantText(rexpr);
    if (path === undefined || text === undefined || !isJsonText(text)) return;
    for (const leaf of leavesOf(JSON.parse(text) as Json, path))
      if (leaf.path.length > 0) this.#add({ setting: jwtClaims, path: leaf.path }, leaf.value);
  }

  #of(source: ClaimSource): Found {
    const key = claimKey(source);
    const found = this.#found.get(key) ?? { ...source, values: new Map(), lookups: new Map() };
    this.#found.set(key, found);
    return found;
  }

  #add(source: ClaimSource, value: Json): void {
    this.#of(source).values.set(JSON.stringify(value), value);
  }

  #addNear(source: ClaimSource, text: string, operator: string, within: boolean): void {
    for (const one of nearby(text, operator, within)) this.#add(source, one);
  }

  #name(tree: Node): void {
    walk(tree, (node) => {
      const { schemaname, relname } = part(node, "RangeVar") ?? {};
      const relation = relname === undefined ? undefined : this.#reading.schema.relation(schemaname, relname);
      const name = fromItemName(node);
      if (relation !== undefined && name !== undefined)
        this.#relations.set(name, [...(this.#relations.get(name) ?? []), relation]);
    });
  }

  /** `r.name`: of each relation that is read by that name. */
  #columns(names: readonly string[]): ComparedClaim["lookups"] {
    const column = names.at(-1) ?? "";
    const among =
      names.length > 1
        ? (this.#relations.get(names.at(-2) ?? "") ?? [])
        : [...this.#relations.values()].flat();
    return [...new Set(among)]
      .filter((one) => one.columns.some(({ name }) => name === column))
      .map((relation) => ({ relation, column }));
  }
}

/** Claims that a part reads. @param alone only where the part itself is one */
function claimsIn(node: Node, alone = false): readonly ClaimSource[] {
  const found: ClaimSource[] = [];
  walk(node, (one) => {
    const path = pathOf(one);
    const other = otherSetting(one);
    if (
      path !== undefined &&
      path.length > 0 &&
      !path.some((key) => key === anyClaim || key.startsWith(memberOf("")))
    )
      found.push({ setting: jwtClaims, path });
    if (other !== undefined) found.push({ setting: other, path: [] });
    return !alone && path === undefined && other === undefined;
  });
  return found;
}

/** A setting that holds what a session's user is, not the claims as a document. */
function otherSetting(node: Node): string | undefined {
  const name = settingRead(withoutCasts(node));
  return name === undefined || name === "" || !name.includes(".") || name.startsWith("request.")
    ? undefined
    : name;
}

/** Constants, but for the keys by which claims are read. */
function constantsIn(node: Node): readonly string[] {
  const found: string[] = [];
  walk(node, (one) => {
    if (pathOf(one) !== undefined || otherSetting(one) !== undefined) return false;
    // The type of a cast.
    if ("typemod" in one) return false;
    const text = part(one, "A_Const") === undefined ? undefined : constantText(one);
    const float = part(one, "A_Const")?.fval?.fval;
    if (text !== undefined) found.push(...elementsOf(text));
    if (float !== undefined) found.push(float);
    return true;
  });
  return found;
}

/** `'{a,b}'` is a list, and `'a,b'` may be one. */
function elementsOf(text: string): readonly string[] {
  const pieces = text
    .replaceAll(/^\{|\}$/g, "")
    .split(",")
    .map((one) => one.replaceAll('"', "").trim());
  return pieces.length > 1 && !text.includes(":") ? [text, ...pieces] : [text];
}

/** Texts and numbers of a JSON array, keys of an object; else the text itself. */
function itemsOf(text: string): readonly string[] {
  if (!/^\s*[[{]/.test(text) || !isJsonText(text)) return text === "" ? [] : [text];
  const value = JSON.parse(text) as Json;
  if (typeof value !== "object" || value === null) return [];
  const items: readonly Json[] = Array.isArray(value) ? value : Object.keys(value);
  return items.flatMap((one) => (typeof one === "string" || typeof one === "number" ? [String(one)] : []));
}

/** Columns of tables that a part reads; of a query, those that it returns. */
function readColumns(node: Node): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [];
  walk(node, (one) => {
    const returned = part(part(one, "SubLink")?.subselect, "SelectStmt")?.targetList;
    if (returned !== undefined) {
      for (const each of returned) found.push(...readColumns(each));
      return false;
    }
    const fields = fieldsOf(one);
    if (fields !== undefined && fields[0] !== row) found.push(fields);
    return true;
  });
  return found;
}

/** Columns that are compared with a variable. */
function comparedColumns(tree: Node): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [];
  walk(tree, (node) => {
    const { lexpr, rexpr } = part(node, "A_Expr") ?? {};
    const both = [lexpr, rexpr].map((one) => (one === undefined ? undefined : fieldsOf(withoutCasts(one))));
    if (both[0] !== undefined && both[1] !== undefined)
      found.push(...both.filter((one) => one !== undefined));
  });
  return found;
}

function leavesOf(value: Json, path: readonly string[]): readonly { path: readonly string[]; value: Json }[] {
  if (typeof value !== "object" || value === null) return [{ path, value }];
  if (Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, one]) => leavesOf(one as Json, [...path, key]));
}

/** Of a date. */
const year = /^\d{4}(?=-\d\d)/;
const farAway = 1_000_000_007;
const longest = 300;

/** Values that a comparison with a constant tells apart. @param within a function is asked of the claim */
function nearby(text: string, operator: string, within: boolean): readonly Json[] {
  const value = jsonOf(text);
  if (operator.includes("~"))
    return [
      text
        .replaceAll(/[\^$]/g, "")
        .replaceAll(/\.\*|\.\+|%/g, "x")
        .replaceAll("_", "x")
        .replaceAll("\\", ""),
    ];
  const ordered = /^[<>]/.test(operator) && operator !== "<>";
  const near: Json[] = [value];
  if (typeof value === "number") {
    near.push(value + 1);
    if (ordered) near.push(value - 1, farAway, -farAway);
    if (within && value >= 0 && value < longest)
      near.push("x".repeat(value + 1), "x".repeat(Math.max(0, value - 1)));
  } else if (ordered && year.test(text)) {
    for (const by of [1, -1]) near.push(text.replace(year, (digits) => String(Number(digits) + by)));
  } else if (ordered) near.push("!", "~");
  if (within && typeof value === "string" && value !== "") near.push(`x@${value}`, `${value}x`, `x${value}`);
  return near;
}

/** A claim that is a number says the same as text, and another thing as JSON. */
function jsonOf(text: string): Json {
  if (/^-?(?:0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  return /^".*"$/.test(text) && isJsonText(text) ? (JSON.parse(text) as Json) : text;
}
