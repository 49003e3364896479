import type { Node } from "libpg-query";
import type { Schema } from "./schema.ts";
import { fieldsOf, part, stringOf, walk } from "./tree.ts";

/** What a condition names, in the bodies of the functions that it calls and in the views that it reads as well. */
export interface Named {
  /** Of a body each word: one that is no column's counts for nothing. */
  readonly columns: ReadonlySet<string>;
  readonly texts: ReadonlySet<string>;
}

const words = /[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/gi;
const literals = /'((?:[^']|'')*)'/g;

export function namedIn(tree: Node, schema: Schema): Named {
  const columns = new Set<string>();
  const texts = new Set<string>();
  const read = new Set<object>();
  const readText = (of: object, text: string): void => {
    if (read.has(of)) return;
    read.add(of);
    for (const [, literal = ""] of text.matchAll(literals)) texts.add(literal.replaceAll("''", "'"));
    for (const word of new Set(text.match(words))) {
      columns.add(word);
      readNamed(word);
    }
  };
  const readNamed = (name: string): void => {
    for (const one of schema.namesakes(name)) readText(one, one.sqlBody ?? one.source);
    for (const one of schema.named(name)) if (one.definition !== null) readText(one, one.definition);
  };
  // What the condition says itself comes first.
  const called: string[] = [];
  walk(tree, (node) => {
    const column = fieldsOf(node)?.at(-1);
    if (column !== undefined) columns.add(column);
    const text = part(node, "A_Const")?.sval?.sval;
    if (text !== undefined) texts.add(text);
    called.push(stringOf(part(node, "FuncCall")?.funcname?.at(-1)), part(node, "RangeVar")?.relname ?? "");
  });
  for (const name of called) readNamed(name);
  return { columns, texts };
}
