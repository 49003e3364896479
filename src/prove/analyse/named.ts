import type { Node } from "libpg-query";
import type { Schema } from "./schema.ts";
import { fieldsOf, part, show, stringOf, walk } from "./tree.ts";

/** What a condition names, in the bodies of the functions that it calls and in the views that it reads as well. */
export interface Named {
  /** Of a body each word: one that is no column's counts for nothing. */
  readonly columns: ReadonlySet<string>;
  readonly texts: ReadonlySet<string>;
  /** Constants that columns are compared with, by the column's name. */
  readonly compared: ReadonlyMap<string, ReadonlySet<string>>;
  /** Those that are compared otherwise than by equality alone. */
  readonly bounded: ReadonlySet<string>;
  /** Columns that they are more or less than. */
  readonly ordered: ReadonlyMap<string, ReadonlySet<string>>;
  /** Columns of which it is asked whether they are NULL. */
  readonly nullable: ReadonlySet<string>;
}

const words = /[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/gi;
const literals = /'((?:[^']|'')*)'/g;
const constants = /'((?:[^']|'')*)'|(?<![\w$])-?\d[\d.]*/g;

const cast = '(?:::[\\w ".\\[\\]]+)?';
const constant = `(?:'[^']*'|-?\\d[\\d.]*|true\\b|false\\b)${cast}`;
const operator =
  "(?:[<>]=?|<>|!=|=|!?~~?\\*?|\\b(?:not\\s+)?(?:in|between|i?like)\\b|\\bis\\s+(?:not\\s+)?distinct\\s+from\\b)";
const among = `\\)*\\s*(?<by>${operator})\\s*(?:any|all)?[\\s(]*(?:array\\s*\\[)?`;
const comparisons = [
  new RegExp(
    `(?<column>[\\w$]+)"?${cast}(?:\\s*,\\s*${constant})?${among}(?<with>${constant}(?:\\s*(?:,|\\band\\b)\\s*${constant})*)`,
    "gi",
  ),
  new RegExp(`(?<with>${constant})${among}(?:[\\w$"]+\\.)*"?(?<column>[\\w$]+)`, "gi"),
  // `flags & 4 = 0`
  new RegExp(
    `(?<column>[\\w$]+)"?${cast}\\s*(?<by>[&|#%*/+]|-(?!>))\\s*(?<with>${constant}\\)*\\s*${operator}\\s*${constant})`,
    "gi",
  ),
  new RegExp(`\\bcase\\s+(?:[\\w$"]+\\.)*"?(?<column>[\\w$]+)"?\\s+when\\s+(?<with>${constant})`, "gi"),
];
/** What is equal to a constant may be what the row is called. */
const naming = /^(?:=|in)$/i;
const nullTest = /(?<column>[\w$]+)"?\)?\s+is\s+(?:not\s+)?null\b/gi;

const ordering = new RegExp(
  `(?<column>[\\w$]+)"?${cast}\\s*(?<![-@<>&|])(?:[<>]=?(?![-@<>&|])|-(?!>))\\s*(?:[\\w$"]+\\.)*"?(?<other>[a-z_][\\w$]*)(?!["\\w$]*\\s*[(.])`,
  "gi",
);

export function namedIn(tree: Node, schema: Schema): Named {
  const found = new Names(schema);
  // What the condition says itself comes first.
  found.addComparisons(show(tree));
  const called: string[] = [];
  walk(tree, (node) => {
    const column = fieldsOf(node)?.at(-1);
    if (column !== undefined) found.columns.add(column);
    const text = part(node, "A_Const")?.sval?.sval;
    if (text !== undefined) found.texts.add(text);
    called.push(stringOf(part(node, "FuncCall")?.funcname?.at(-1)), part(node, "RangeVar")?.relname ?? "");
  });
  for (const name of called) found.addNamed(name);
  return found;
}

class Names implements Named {
  readonly columns = new Set<string>();
  readonly texts = new Set<string>();
  readonly compared = new Map<string, Set<string>>();
  readonly bounded = new Set<string>();
  readonly ordered = new Map<string, Set<string>>();
  readonly nullable = new Set<string>();
  readonly #schema: Schema;
  readonly #read = new Set<object>();

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** Of functions and of views. */
  addNamed(name: string): void {
    for (const one of this.#schema.namesakes(name)) this.#addText(one, one.sqlBody ?? one.source);
    for (const one of this.#schema.named(name))
      if (one.definition !== null) this.#addText(one, one.definition);
  }

  addComparisons(text: string): void {
    for (const comparison of comparisons)
      for (const { groups: { column = "", by = "=", with: list = "" } = {} } of text.matchAll(comparison)) {
        if (!naming.test(by)) this.bounded.add(column.toLowerCase());
        const known = setIn(this.compared, column);
        for (const [number, literal] of list.matchAll(constants)) known.add(unquoted(literal) ?? number);
      }
    for (const { groups: { column = "", other = "" } = {} } of text.matchAll(ordering)) {
      setIn(this.ordered, column).add(other.toLowerCase());
      setIn(this.ordered, other).add(column.toLowerCase());
    }
    for (const { groups: { column = "" } = {} } of text.matchAll(nullTest))
      this.nullable.add(column.toLowerCase());
  }

  #addText(of: object, text: string): void {
    if (this.#read.has(of)) return;
    this.#read.add(of);
    this.addComparisons(text);
    for (const [, literal] of text.matchAll(literals)) this.texts.add(unquoted(literal) ?? "");
    for (const word of new Set(text.match(words))) {
      this.columns.add(word);
      this.addNamed(word);
    }
  }
}

function setIn(all: Map<string, Set<string>>, name: string): Set<string> {
  const key = name.toLowerCase();
  const known = all.get(key) ?? new Set<string>();
  all.set(key, known);
  return known;
}

function unquoted(literal: string | undefined): string | undefined {
  return literal?.replaceAll("''", "'");
}
