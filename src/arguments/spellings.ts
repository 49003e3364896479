import { textOf, type Values } from "./world.ts";

// A value of a row may come back otherwise than it is stored: a document or an array in part, an identifier without its hyphens, bytes as
// text. Pure.

const known = new WeakMap<Values, ReadonlySet<string>>();

/** The values of a row, what its documents and arrays hold, and each of these as it may be spelled in an answer. */
export function spellingsOf(row: Values): ReadonlySet<string> {
  let found = known.get(row);
  if (found === undefined) {
    found = new Set([...row.values()].flatMap((one) => [one, ...partsOf(one)]).flatMap(spelled));
    known.set(row, found);
  }
  return found;
}

export function isDocument(text: string): boolean {
  return /^\s*[[{]/.test(text);
}

/** A text as the document that it is; `undefined`: it is none. */
export function documentOf(text: string): unknown {
  if (!isDocument(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** All that a document holds, at any depth: scalars, and documents within it. */
function partsOf(text: string): readonly string[] {
  const found: string[] = [];
  const walk = (value: unknown): void => {
    for (const one of typeof value === "object" && value !== null ? Object.values(value) : []) {
      const part = textOf(one);
      if (part !== undefined) found.push(part);
      walk(one);
    }
  };
  walk(documentOf(text));
  return found;
}

const spelledAtMost = 200;
const uuid = /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i;

function spelled(text: string): readonly string[] {
  if (text.length > spelledAtMost || text.length < 4) return [text];
  if (uuid.test(text)) return [text, text.replaceAll("-", ""), text.toUpperCase()];
  if (/^\\x(?:[\da-f]{2})+$/.test(text)) {
    const bytes = Buffer.from(text.slice(2), "hex");
    return [text, text.slice(2), bytes.toString("utf8"), bytes.toString("base64")];
  }
  return [text, text.toLowerCase(), text.toUpperCase()];
}
