import { RowgateError } from "./errors.ts";
import type { Json, Persona } from "./matrix.ts";
import { quoteLiteral } from "../lib/sql-text.ts";
import type { SqlTokenKind } from "../lib/sql-tokens.ts";
import { parameterName, tokenizeSql } from "../lib/sql-tokens.ts";

/** Looks up the value of a `:name`; `undefined` and `null` are both "no value", which is an error. */
export type ParameterLookup = (name: string) => Json | undefined;

export interface ParameterPlace {
  /** Without the colon: `claims.app_metadata.school`. */
  readonly name: string;
  /** Offset of the colon. */
  readonly index: number;
}

const whole = new RegExp(`^:(${parameterName})$`);

/** The parameters of a predicate, in order; text in strings, comments, casts and array slices is not one. */
export function findParameters(sql: string): readonly ParameterPlace[] {
  return tokenizeSql(sql)
    .filter((token) => token.kind === "parameter")
    .map((token) => ({ name: token.text.slice(1), index: token.index }));
}

/** A candidate's value that is one parameter whole: `":sub"` → `sub`. */
export function parameterOf(value: Json): string | undefined {
  return typeof value === "string" ? whole.exec(value)?.[1] : undefined;
}

/**
 * Every `:name` becomes a quoted literal without a type, so that Postgres infers it from the context (`id = :sub` compares
 * as uuid where `id` is one). Lists and mappings become JSON text. The values are not looked into again.
 * @throws RowgateError `parameter/no-value`, `parameter/not-text`
 */
export function bindParameters(sql: string, valueOf: ParameterLookup): string {
  let bound = "";
  let before: SqlTokenKind = "space";
  for (const { kind, text } of tokenizeSql(sql)) {
    if (kind === "space" || kind === "comment") {
      bound += text;
      continue;
    }
    const literal = kind === "parameter" ? quoteLiteral(textOf(requireValue(text.slice(1), valueOf))) : text;
    bound += joined(bound, before, literal, kind);
    before = kind;
  }
  return bound;
}

/** What was two tokens must stay two: `e:sub` is no E string, and literals on two lines would be read as one. */
function joined(bound: string, before: SqlTokenKind, text: string, kind: SqlTokenKind): string {
  const literals =
    (kind === "parameter" || kind === "string") && (before === "parameter" || before === "string");
  if (literals && (kind === "parameter" || before === "parameter")) return ` (${text})`;
  return kind === "parameter" && /[\w$'"&\u0080-\uffff]$/.test(bound) ? ` ${text}` : text;
}

/**
 * A candidate's value as the text that Postgres reads (`null` is NULL): parameters are bound, also inside lists and
 * mappings, which become JSON text. A Postgres array is written as its own text (`'{a,b}'`).
 * @throws RowgateError `parameter/no-value`, `parameter/not-text`
 */
export function bindCandidateValue(value: Json, valueOf: ParameterLookup): string | null {
  const bound = bindJson(value, valueOf);
  return bound === null ? null : textOf(bound);
}

/** `:sub`, `:role`, `:claims.a.b`, `:settings.app.user_id`, `:vars.x`; `undefined` when the persona has no value for it. */
export function personaParameter(
  persona: Pick<Persona, "role" | "claims" | "settings">,
  vars: Readonly<Record<string, Json>>,
  name: string,
): Json | undefined {
  if (name === "role") return persona.role;
  if (name === "sub") return within(persona.claims, ["sub"]);
  const [root, ...path] = name.split(".");
  if (path.length === 0) return undefined;
  if (root === "claims") return within(persona.claims, path);
  if (root === "settings") return within(persona.settings, [path.join(".")]);
  return root === "vars" ? within(vars, path) : undefined;
}

function within(value: Json | undefined, path: readonly string[]): Json | undefined {
  let here: Json | undefined = value;
  for (const key of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, key)) return undefined;
    // Own keys of an array hold `length` too.
    if (Array.isArray(here) && !/^\d+$/.test(key)) return undefined;
    here = (here as Readonly<Record<string, Json>>)[key];
  }
  return here ?? undefined;
}

function bindJson(value: Json, valueOf: ParameterLookup): Json {
  const name = parameterOf(value);
  if (name !== undefined) return requireValue(name, valueOf);
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return value.map((item) => bindJson(item, valueOf));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, bindJson(item, valueOf)]));
}

// Array.isArray does not narrow readonly arrays.
function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function requireValue(name: string, valueOf: ParameterLookup): Json {
  const value = valueOf(name);
  if (value !== undefined && value !== null) return value;
  throw new RowgateError({
    code: "parameter/no-value",
    message: `\`:${name}\` has no value, and NULL is never put in its place`,
    hint: "give the persona the claim, or the matrix the var",
  });
}

function textOf(value: Json): string {
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  if (!/\0|\p{Surrogate}/u.test(text)) return text;
  throw new RowgateError({
    code: "parameter/not-text",
    message: "a value holds a NUL character or half of a surrogate pair, which Postgres text cannot hold",
    hint: "take the character out of the claim or the var",
  });
}
