import { quoteIdent } from "../../lib/sql-text.ts";

/** A value that is sent separately from the text, as a parameter of unknown type: Postgres infers the type, as PostgREST lets it. */
interface Bound {
  readonly bind: string | null;
}

/** SQL text with its values. Only literals of this code, quoted names and bound values can be part of it. */
export interface Sql {
  readonly parts: readonly (string | Bound)[];
}

export interface Statement {
  readonly text: string;
  readonly values: readonly (string | null)[];
}

export const nothing: Sql = { parts: [] };

/** `sql\`select ${ident("a")} = ${bind("1")}\``: the holes take fragments and bound values, never text. */
export function sql(texts: TemplateStringsArray, ...holes: readonly (Sql | Bound)[]): Sql {
  const parts: (string | Bound)[] = [texts[0] ?? ""];
  for (const [index, hole] of holes.entries()) {
    if ("bind" in hole) parts.push(hole);
    else parts.push(...hole.parts);
    parts.push(texts[index + 1] ?? "");
  }
  return { parts };
}

/** A value; like PostgREST's, it ends at a NUL, which no text in Postgres can contain. */
export function bind(value: string | null): Bound {
  return { bind: value === null ? null : untilNul(value) };
}

function untilNul(text: string): string {
  return text.split("\0", 1)[0] ?? "";
}

/** A quoted name; like PostgREST's, it ends at a NUL, which no name in Postgres can contain. */
export function ident(name: string): Sql {
  return { parts: [quoteIdent(untilNul(name))] };
}

/** `"schema"."name"`; without a schema the name alone. */
export function qualified(schema: string, name: string): Sql {
  return schema === "" ? ident(name) : sql`${ident(schema)}.${ident(name)}`;
}

/** Text that comes from the catalogue itself (a type, a default expression), never from a request. */
export function fromCatalog(text: string): Sql {
  return { parts: [text] };
}

export function join(items: readonly Sql[], separator: string): Sql {
  return { parts: items.flatMap((item, index) => (index === 0 ? item.parts : [separator, ...item.parts])) };
}

/** Numbers the values: `$1`, `$2`, … */
export function compile(fragment: Sql): Statement {
  const values: (string | null)[] = [];
  let text = "";
  for (const part of fragment.parts) {
    if (typeof part === "string") text += part;
    else text += `$${values.push(part.bind)}`;
  }
  return { text, values };
}
