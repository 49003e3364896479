import type { Node } from "libpg-query";
import { isJsonText } from "../lib/json.ts";
import type { Json } from "../model/matrix.ts";
import { type ClaimSource, jwtClaims } from "./analyse/claim-values.ts";
import { connected } from "./analyse/comparable.ts";
import { outerNames, part, readsRow, walk } from "./analyse/tree.ts";
import type { ActingAs } from "./ask/step.ts";
import type { Context } from "./context.ts";
import { isUuid, strangersId } from "./own.ts";

/** A claim with another value; `undefined`: without it. */
export interface Change {
  readonly source: ClaimSource;
  readonly value: Json | undefined;
}

export function changedClaims(text: string, change: Change): string {
  return JSON.stringify(withChange(isJsonText(text) ? (JSON.parse(text) as Json) : {}, change));
}

export function withChange(claims: Json, { source, value }: Change): Json {
  const [key, ...rest] = source.path;
  if (key === undefined) return value ?? null;
  const held = typeof claims === "object" && claims !== null && !Array.isArray(claims) ? claims : {};
  const own = held as Readonly<Record<string, Json>>;
  const { [key]: before, ...others } = own;
  if (rest.length === 0) return value === undefined ? others : { ...own, [key]: value };
  return { ...own, [key]: withChange(before ?? {}, { source: { ...source, path: rest }, value }) };
}

const documents = new WeakMap<ActingAs, Json>();

function documentOf(as: ActingAs, text: string): Json {
  const known = documents.get(as) ?? (isJsonText(text) ? (JSON.parse(text) as Json) : {});
  documents.set(as, known);
  return known;
}

export function valueOf(as: ActingAs, { setting, path }: ClaimSource): Json | undefined {
  const text = as.settings.find(([name]) => name === setting)?.[1];
  if (path.length === 0 || text === undefined) return text;
  let here: Json | undefined = documentOf(as, text);
  for (const key of path)
    here =
      typeof here === "object" && here !== null && Object.hasOwn(here, key)
        ? (here as Readonly<Record<string, Json>>)[key]
        : undefined;
  return here ?? undefined;
}

export function textOf(value: Json | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Claims whose value a row set compares with no row (`:claims.role in ('agent', 'admin')`): by these it says of whom it speaks. */
export function claimsAskedBy(declared: Node, { as, identities }: Context): readonly ClaimSource[] {
  const texts = new Set<string>();
  for (const tree of conditionsIn(declared))
    if (!readsRow(tree) && outerNames(tree).length === 0)
      walk(tree, (node) => {
        const text = part(node, "A_Const")?.sval?.sval;
        if (text !== undefined && !identities.includes(text)) texts.add(text);
      });
  const token = as.settings.find(([name]) => name === jwtClaims)?.[1];
  return texts.size === 0 || token === undefined ? [] : textsIn(documentOf(as, token), texts, []);
}

function conditionsIn(tree: Node): readonly Node[] {
  const parts = connected(tree) ?? [];
  return parts.length === 0 ? [tree] : parts.flatMap(conditionsIn);
}

function textsIn(value: Json, texts: ReadonlySet<string>, path: readonly string[]): readonly ClaimSource[] {
  if (typeof value === "string") return texts.has(value) ? [{ setting: jwtClaims, path }] : [];
  return typeof value !== "object" || value === null || Array.isArray(value)
    ? []
    : Object.entries(value).flatMap(([key, one]) => textsIn(one as Json, texts, [...path, key]));
}

/** A list of one is held by who holds that among others. */
export function holdsAlike(held: Json | undefined, value: Json | undefined): boolean {
  const [only, ...more] = Array.isArray(value) ? value : [];
  if (only !== undefined && more.length === 0 && Array.isArray(held)) return held.includes(only);
  return textOf(held) === textOf(value);
}

/** A value that a claim may have: a user's id is one. */
export function changesTo({ as }: Context, source: ClaimSource, value: Json): readonly Change[] {
  const own = valueOf(as, source);
  if (typeof own !== "string" || !isUuid(own) || source.path.join() !== "sub") return [{ source, value }];
  if (typeof value !== "string") return [];
  if (isUuid(value)) return [{ source, value }];
  const start = /^[0-9a-f]{1,7}(?=[^0-9a-f]|$)/.exec(value)?.[0];
  return start === undefined ? [] : [{ source, value: start + strangersId.slice(start.length) }];
}
