import { isJsonText } from "../lib/json.ts";
import type { ColumnInfo } from "../model/catalog.ts";
import type { Json, Persona } from "../model/matrix.ts";

export function subjectOf(claims: Readonly<Record<string, Json>> | undefined): string | undefined {
  const sub = claims?.["sub"];
  return typeof sub === "string" ? sub : undefined;
}

/** What a persona is known by: `sub`, and each session setting by its name. */
export function identitiesOf({ claims, settings }: Persona): ReadonlyMap<string, string> {
  const sub = subjectOf(claims);
  const known = Object.entries(settings).filter(([, value]) => value !== "");
  return new Map(sub === undefined ? known : [["sub", sub], ...known]);
}

/** Which values each kind of identity has, over all personas. */
export type Subjects = ReadonlyMap<string, ReadonlySet<string>>;

export function subjectsOf(personas: readonly Persona[]): Subjects {
  const found = new Map<string, Set<string>>();
  for (const persona of personas) {
    for (const [kind, value] of identitiesOf(persona))
      found.set(kind, (found.get(kind) ?? new Set()).add(value));
  }
  return found;
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A value that the column's type does not accept would be refused before any policy is evaluated. */
export function fits(value: string, { type }: Pick<ColumnInfo, "type">): boolean {
  if (type === "uuid") return uuid.test(value);
  if (/^(?:smallint|integer|bigint)$/.test(type)) return /^-?\d{1,18}$/.test(value);
  if (/^(?:numeric|real|double)/.test(type)) return /^-?\d+(?:\.\d+)?$/.test(value);
  return type === "boolean" ? value === "true" || value === "false" : true;
}

/** A value as a literal of the column's type: an array or a JSON string of it where the column holds such; `undefined`: the type does not accept it. */
export function literalFor(value: string, column: Pick<ColumnInfo, "type">): string | undefined {
  const element = /^(.*)\[\]$/.exec(column.type)?.[1];
  if (element !== undefined) {
    if (/^\{.*\}$/s.test(value)) return value;
    return fits(value, { type: element }) ? `{${JSON.stringify(value)}}` : undefined;
  }
  if (/^jsonb?$/.test(column.type)) return isJsonText(value) ? value : JSON.stringify(value);
  return fits(value, column) ? value : undefined;
}

/** `text` for a type of text and `number` for one of whole or decimal numbers, of whatever length; of any other type, its own name. */
export function familyOf(type: string): string {
  if (/^(?:smallint|integer|bigint|numeric)(?:\([\d, -]+\))?$/.test(type)) return "number";
  const isText =
    /^(?:text|name|(?:"?\w+"?\.)?citext|(?:character varying|character|varchar|bpchar)(?:\(\d+\))?)$/;
  return isText.test(type) ? "text" : type;
}

/** What a literal has in front of a key: `team:` of `team:` or `team:%`. `undefined`: it ends with a word. */
export function prefixIn(literal: string): string | undefined {
  return /^(.*[^\p{L}\p{N}\s%])%?$/u.exec(literal)?.[1];
}

/** Elements of an array as Postgres prints it, as far as it has one dimension and no NULL. */
export function elementsOf(array: string): readonly string[] {
  if (!/^\{[^{]*\}$/s.test(array)) return [];
  return [...array.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|[^,]+/g)].map(([plain, quoted]) =>
    quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, "$1"),
  );
}
