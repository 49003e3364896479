import type { Json } from "../model/matrix.ts";
import { isJsonText } from "../lib/json.ts";
import type { ClaimSource } from "./analyse/claim-values.ts";
import type { ActingAs } from "./ask/step.ts";

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

export function valueOf(as: ActingAs, { setting, path }: ClaimSource): Json | undefined {
  const text = as.settings.find(([name]) => name === setting)?.[1];
  if (path.length === 0 || text === undefined) return text;
  const known = documents.get(as) ?? (isJsonText(text) ? (JSON.parse(text) as Json) : {});
  documents.set(as, known);
  let here: Json | undefined = known;
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
