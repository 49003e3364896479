import type { SourcePosition } from "../model/errors.ts";
import type { FunctionName } from "../lib/sql-text.ts";
import type { Issues } from "../yaml/issues.ts";
import { readRelationName, withTypes } from "./relation-name.ts";

/** `profiles`, `api.profiles`, `api."Profiles"(uuid, text)`: with types where overloads must be told apart. */
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
