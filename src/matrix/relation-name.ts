import type { SourcePosition } from "../model/errors.ts";
import type { QualifiedName } from "../lib/sql-text.ts";
import type { Issues } from "../yaml/issues.ts";

const bare = "[A-Za-z_\\u0080-\\uffff][A-Za-z0-9_$\\u0080-\\uffff]*";
const part = `(?:${bare}|"(?:[^"]|"")+")`;
const qualified = new RegExp(`^(?:(${part})\\.)?(${part})$`);
/** A function's name, and the types behind it in parentheses. */
export const withTypes: RegExp = new RegExp(`^((?:${part}\\.)?${part})\\s*\\((.*)\\)$`, "s");

/** `courses`, `platform.users`, `other."Weird Name"`. Bare names stand as written: they are not folded to lower case. */
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
  issues.report("matrix/bad-name", at, `\`${text}\` is not a ${noun}'s name`, hint);
  return undefined;
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** Names two relations apart, whatever dots are in their names. */
export function relationKey({ schema, name }: QualifiedName): string {
  return JSON.stringify([schema, name]);
}
