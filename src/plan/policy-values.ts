import type { ColumnInfo, PolicyInfo, RelationInfo } from "../model/catalog.ts";
import type { Json, Persona } from "../model/matrix.ts";
import { literalFor, subjectOf } from "./subject.ts";

type Values = Readonly<Record<string, string | null>>;

const atMost = 6;

/**
 * Values that the policies of a write ask for by name: `status = 'draft'`, `school = (auth.jwt() ->> 'school')::int`. No row
 * needs to hold them, so copies of rows would not find them. Read from the text that Postgres prints; a guess that is wrong
 * is one more refused candidate, and what it misses is only less tried.
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
  const asked = new Map<string, (string | null)[]>();
  for (const { term, column } of mentionsIn(info, policy)) {
    if (!columns.includes(column)) continue;
    const values = valuesIn(term, column, persona);
    asked.set(column.name, [...(asked.get(column.name) ?? []), ...values]);
  }
  const wanted = columns.flatMap((column) => {
    const values = (asked.get(column.name) ?? []).flatMap((value) =>
      value === null ? [null] : (literalFor(value, column) ?? []),
    );
    return values.length > 0 ? [[column.name, values] as const] : [];
  });
  const most = Math.max(0, ...wanted.map(([, values]) => values.length));
  return Array.from({ length: most }, (_, index) =>
    Object.fromEntries(wanted.map(([name, values]) => [name, values[index] ?? values[0] ?? null])),
  );
}

interface Mention {
  readonly term: string;
  readonly column: ColumnInfo;
}

/** Read once: a policy says the same to every persona. */
const read = new WeakMap<PolicyInfo, readonly Mention[]>();

function mentionsIn({ columns }: RelationInfo, policy: PolicyInfo): readonly Mention[] {
  const known = read.get(policy);
  if (known !== undefined) return known;
  const terms = (policy.check ?? policy.using ?? "").split(/\b(?:AND|OR)\b/);
  const found = terms.flatMap((term) =>
    columns.filter(({ name }) => mentions(term, name)).map((column) => ({ term, column })),
  );
  read.set(policy, found);
  return found;
}

function mentions(term: string, name: string): boolean {
  const escaped = name.replaceAll(/[^\w]/g, String.raw`\$&`);
  return new RegExp(`(?<![\\w'])"?${escaped}"?(?![\\w'(])`).test(term);
}

function valuesIn(term: string, column: ColumnInfo, persona: Persona): readonly (string | null)[] {
  if (/\bIS NULL\b/.test(term)) return [null];
  if (column.type === "boolean")
    return /\bNOT\b|\bfalse\b|\bIS NOT TRUE\b/i.test(term) ? ["false"] : ["true"];
  if (!/(?<![<>!])=/.test(term)) return [];
  const claimed = claimedIn(term, persona);
  if (claimed !== undefined) return claimed;
  const literals = [...term.matchAll(/'((?:[^']|'')*)'/g)].map(([, text = ""]) => text.replaceAll("''", "'"));
  if (literals.length > 0) return literals;
  const number = /=\s*\(?(-?\d+(?:\.\d+)?)\b/.exec(term)?.[1];
  return number === undefined ? [] : [number];
}

/** What the persona itself brings; `undefined`: the term compares with something else. */
function claimedIn(term: string, persona: Persona): readonly string[] | undefined {
  const key = /->>?\s*'([^']*)'(?!.*->)/.exec(term)?.[1];
  if (key !== undefined) return scalars(persona.claims ?? {}, key);
  const setting = /current_setting\('([^']*)'/.exec(term)?.[1];
  if (setting !== undefined) return [persona.settings[setting]].filter((value) => value !== undefined);
  if (/\b(?:uid|sub)\b/.test(term)) return [subjectOf(persona.claims)].filter((value) => value !== undefined);
  return term.includes("(") && /\w\(/.test(term) ? [] : undefined;
}

/** Text of every claim of this name, at whatever depth. */
function scalars(value: Json, key: string): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]: [string, Json]) =>
    typeof member === "object" ? scalars(member, key) : name === key ? [String(member)] : [],
  );
}
