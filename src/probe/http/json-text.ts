import { isJsonText } from "../../lib/json.ts";
import type { TextRow } from "../what-to-write.ts";

/**
 * JSON read without rounding: `JSON.parse` makes 9007199254740993 and 1.50 other numbers than Postgres sent.
 * Values stay text; only what cannot matter (blanks outside of strings, the way a string is escaped) is evened out.
 */

const token = /\s*(?:("(?:[^"\\]|\\.)*")|([[\]{},:])|([^\s"[\]{},:]+))/y;

/** The values of a top-level array, each as text; `undefined` when the text is no JSON array. */
export function elementsOf(text: string): string[] | undefined {
  const read = values(text, "[", "]");
  return read?.map(([, value]) => value);
}

/** The members of a top-level object, name → value as text; `undefined` when the text is no JSON object. */
export function membersOf(text: string): ReadonlyMap<string, string> | undefined {
  const read = values(text, "{", "}");
  return read === undefined ? undefined : new Map(read);
}

/** The text of a JSON string; every other value literally. NULL is `null`. */
export function textOf(value: string): string | null {
  if (value === "null") return null;
  return value.startsWith('"') ? (JSON.parse(value) as string) : value;
}

/** A request's body. */
export interface JsonBody {
  /** As supabase-js takes it. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Set: its exact text, where JavaScript would write something else (9007199254740993 or 2.50 within a JSON value). */
  readonly text: string | undefined;
}

/**
 * A JSON string is read by the type's own input function, whatever the type (arrays and composites too); json and jsonb
 * alone would store it as a string.
 */
export function jsonBody(row: TextRow, typeOf: (name: string) => string | undefined): JsonBody {
  if (!Object.keys(row).some((name) => /^jsonb?$/.test(typeOf(name) ?? "")))
    return { values: row, text: undefined };
  const members = Object.entries(row).map(([name, text]) => [name, jsonOf(text, typeOf(name))] as const);
  const parsed = Object.fromEntries(members.map(([name, json]) => [name, JSON.parse(json) as unknown]));
  const exact = `{${members.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(",")}}`;
  return { values: parsed, text: JSON.stringify(parsed) === exact ? undefined : exact };
}

/** Text that is no JSON goes as a string: the server's refusal of it is the answer. */
function jsonOf(text: string | null, type: string | undefined): string {
  if (text === null || (type !== "json" && type !== "jsonb") || !isJsonText(text))
    return JSON.stringify(text);
  // jsonb keeps no blanks.
  return type === "json" ? text : (elementsOf(`[${text}]`)?.[0] ?? text);
}

function values(
  text: string,
  open: "[" | "{",
  close: "]" | "}",
): [name: string, value: string][] | undefined {
  const found: [string, string][] = [];
  const closers: string[] = [];
  let name: string | undefined;
  let value = "";
  token.lastIndex = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [, string, mark, word] = match;
    const piece = string === undefined ? (mark ?? word ?? "") : evened(string);
    if (piece === undefined) return undefined;
    if (closers.length === 0) {
      if (mark !== open) return undefined;
      closers.push(close);
      continue;
    }
    const atTop = closers.length === 1;
    if (atTop && mark === ":") {
      if (name !== undefined || !value.startsWith('"')) return undefined;
      name = value;
      value = "";
    } else if (atTop && (mark === "," || mark === close)) {
      const isMember = value !== "" && (name !== undefined) === (open === "{");
      if (isMember) found.push([textOf(name ?? "null") ?? "", value]);
      else if (mark === "," || found.length > 0 || value !== "" || name !== undefined) return undefined;
      name = undefined;
      value = "";
      if (mark === close) return text.slice(token.lastIndex).trim() === "" ? found : undefined;
    } else {
      if (mark === "[") closers.push("]");
      else if (mark === "{") closers.push("}");
      else if (mark !== undefined && mark === closers.at(-1)) closers.pop();
      else if (mark === "]" || mark === "}") return undefined;
      value += piece;
    }
  }
  return undefined;
}

/** The one way to write a string; `undefined` when the value is not one. */
function evened(string: string): string | undefined {
  if (!string.includes("\\")) return string;
  try {
    return JSON.stringify(JSON.parse(string));
  } catch {
    return undefined;
  }
}
