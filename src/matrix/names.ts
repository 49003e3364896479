import { nearest } from "../lib/nearest.ts";
import type { FunctionName, QualifiedName } from "../lib/sql-text.ts";
import type { SourcePosition } from "../model/errors.ts";
import type { Issues } from "../yaml/issues.ts";

/**
 * Names that one part of a matrix declares and others use. A name that is used is deleted from what is left over; what is
 * left over at the end looks proved and is not, so it is an error.
 */
export class Names<T> {
  readonly #declared: ReadonlyMap<string, T>;
  readonly #left: Map<string, T>;

  constructor(declared: ReadonlyMap<string, T>) {
    this.#declared = declared;
    this.#left = new Map(declared);
  }

  get all(): readonly string[] {
    return [...this.#declared.keys()];
  }

  get values(): readonly T[] {
    return [...this.#declared.values()];
  }

  has(name: string): boolean {
    return this.#declared.has(name);
  }

  get(name: string): T | undefined {
    return this.#declared.get(name);
  }

  /** Also of a name that is not declared. */
  use(name: string): T | undefined {
    this.#left.delete(name);
    return this.#declared.get(name);
  }

  /** The declared name, or the keyword, that was probably meant. It counts as used: its misspelling is reported already. */
  meant(name: string, keywords: readonly string[] = []): string | undefined {
    const near = nearest(name, [...this.all, ...keywords]);
    if (near !== undefined) this.use(near);
    return near;
  }

  get unused(): ReadonlyMap<string, T> {
    return this.#left;
  }
}

const bare = "[A-Za-z_\\u0080-\\uffff][A-Za-z0-9_$\\u0080-\\uffff]*";
const part = `(?:${bare}|"(?:[^"]|"")+")`;
const qualified = new RegExp(`^(?:(${part})\\.)?(${part})$`);
const withTypes = new RegExp(`^((?:${part}\\.)?${part})\\s*\\((.*)\\)$`, "s");

/** `courses`, `platform.users`, `other."Weird Name"`. Bare names are used as written: they are not folded to lower case. */
export function readRelationName(
  text: string,
  defaultSchema: string,
  at: SourcePosition,
  issues: Issues,
  noun: "relation" | "function" = "relation",
): QualifiedName | undefined {
  const match = qualified.exec(text);
  if (match !== null) {
    const [, schema, name = ""] = match;
    return { schema: schema === undefined ? defaultSchema : unquote(schema), name: unquote(name) };
  }
  const hint = `write \`name\`, \`schema.name\`, or quote odd names as in SQL: \`'"${text.replaceAll('"', "")}"'\``;
  issues.report("bad-name", at, `\`${text}\` is not a ${noun}'s name`, hint);
  return undefined;
}

const patternName = new RegExp(
  `^(?:(${part})\\.)?((?=.*\\*)[A-Za-z_*\\u0080-\\uffff][A-Za-z0-9_$*\\u0080-\\uffff]*)$`,
);

/** `audit_*`, `platform.*`: every relation of one schema whose name matches. */
export function readRelationPattern(text: string, defaultSchema: string): QualifiedName | undefined {
  const [, schema, name] = patternName.exec(text) ?? [];
  if (name === undefined) return undefined;
  return { schema: schema === undefined ? defaultSchema : unquote(schema), name };
}

/** `profiles`, `api.profiles`, `api."Profiles"(uuid, text)`: with types where there are overloads. */
export function readFunctionName(
  text: string,
  defaultSchema: string,
  at: SourcePosition,
  issues: Issues,
): FunctionName | undefined {
  const [, before = text, types] = withTypes.exec(text) ?? [];
  const name = readRelationName(before, defaultSchema, at, issues, "function");
  return name && { ...name, signature: types === undefined ? undefined : splitTypes(types) };
}

/** `uuid, numeric(10,2)` → two types. Spaces within a type are one. */
function splitTypes(text: string): readonly string[] {
  const types = text.split(/,(?![^(]*\))/).map((type) => type.trim().replaceAll(/\s+/g, " "));
  return types.length === 1 && types[0] === "" ? [] : types;
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** Names two relations or functions apart, whatever dots are in their names. */
export function nameKey({ schema, name, signature }: QualifiedName & Partial<FunctionName>): string {
  return JSON.stringify([schema, name, signature]);
}
