import type { ClientBase } from "pg";
import { calledNames, mayMean } from "../lib/sql-calls.ts";
import { readSql } from "../lib/sql-file.ts";
import { type SqlToken, tokenizeSql } from "../lib/sql-tokens.ts";

/** A function of the system whose body calls what rowgate installed in place of an extension. */
export interface StandInCall {
  readonly oid: string;
  readonly extension: string;
}

interface Named {
  readonly extension: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: "function" | "operator" | "operand";
}

interface Body {
  readonly oid: string;
  readonly name: string;
  readonly body: string;
  readonly settings: string;
}

/** Empty, after one short question, where no extension is a stand-in. */
export async function readStandInCalls(client: ClientBase): Promise<readonly StandInCall[]> {
  const { rows: named } = await client.query<Named>(readSql("catalog_stand_ins.sql"));
  if (named.length === 0) return [];
  const { rows: bodies } = await client.query<Body>(readSql("catalog_bodies.sql"));
  return bodies.flatMap((one) => extensionsIn(one, named).map((extension) => ({ oid: one.oid, extension })));
}

/**
 * Which stand-ins a body calls, by its tokens: a comment calls nothing, and a text nothing unless the body runs SQL that it puts
 * together. An operator counts where the body also names something that an operand of its type may come from: `&&` of arrays is none
 * of PostGIS's. One too many makes a cell inconclusive; a missed one would let it pass.
 */
function extensionsIn({ name, body, settings }: Body, named: readonly Named[]): readonly string[] {
  const code = tokenizeSql(body).filter(({ kind }) => kind !== "comment");
  const dynamic = code.some(({ kind, text }) => kind === "word" && /^execute$/i.test(text));
  const texts = dynamic ? code.filter(({ kind }) => kind === "string").map(({ text }) => text) : [];
  const made = texts.join("\n").toLowerCase();
  const calls = calledNames(body);
  const words = new Set([...code.flatMap(wordsOf), ...made.split(/[^\w$\u0080-\uffff]+/), name]);
  const operators = new Set([
    ...operatorsIn(code),
    ...texts.flatMap((text) => operatorsIn(tokenizeSql(text.slice(1, -1)))),
  ]);
  const mentions = (schema: string): boolean => words.has(schema) || settings.includes(schema);
  const found = named.filter((one) => {
    if (one.kind === "operand") return false;
    if (one.kind === "operator")
      return (
        operators.has(one.name) &&
        named.some(
          ({ kind, extension, name: operand }) =>
            kind === "operand" && extension === one.extension && words.has(operand),
        )
      );
    // A schema of the extension's own is named by who calls into it.
    const called = calls.some((call) => mayMean(call, one)) || (dynamic && wordIn(made, one.name));
    return called && (usualSchemas.has(one.schema) || mentions(one.schema));
  });
  return [...new Set(found.map(({ extension }) => extension))];
}

const usualSchemas: ReadonlySet<string> = new Set(["public", "extensions"]);

function wordsOf({ kind, text }: SqlToken): readonly string[] {
  if (kind === "word") return [text.toLowerCase()];
  return kind === "quoted" ? [text.slice(1, -1).replaceAll('""', '"')] : [];
}

function wordIn(text: string, word: string): boolean {
  return text.split(/[^\w$\u0080-\uffff]+/).includes(word);
}

/** Operator characters that touch are one operator. */
function operatorsIn(tokens: readonly SqlToken[]): readonly string[] {
  const found: string[] = [];
  let end = -1;
  for (const { kind, text, index } of tokens) {
    if (kind !== "punctuation" || !/^[-+*/<>=~!@#%^&|`?]+$/.test(text)) continue;
    if (index === end) found.push(`${found.pop() ?? ""}${text}`);
    else found.push(text);
    end = index + text.length;
  }
  return found;
}
