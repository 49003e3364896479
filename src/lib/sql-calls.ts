import { tokenizeSql } from "./sql-tokens.ts";

/** A name before a parenthesis, as Postgres compares names: a function's, most likely. */
export interface CalledName {
  /** `undefined`: it was not qualified. */
  readonly schema: string | undefined;
  readonly name: string;
}

export function calledNames(sql: string): readonly CalledName[] {
  const tokens = tokenizeSql(sql).filter(({ kind }) => kind !== "space" && kind !== "comment");
  return tokens.flatMap((_, index): readonly CalledName[] => {
    const name = nameAt(index);
    if (name === undefined || tokens[index + 1]?.text !== "(") return [];
    return [{ schema: tokens[index - 1]?.text === "." ? nameAt(index - 2) : undefined, name }];
  });

  function nameAt(index: number): string | undefined {
    const { kind, text } = tokens[index] ?? { kind: "space", text: "" };
    if (kind === "quoted") return text.slice(1, -1).replaceAll('""', '"');
    // Postgres folds ASCII alone in a database whose encoding has more bytes than one.
    return kind === "word" ? text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()) : undefined;
  }
}

/** Whether a name in some SQL may mean this one: what is not qualified may be in any schema. */
export function mayMean(
  called: CalledName,
  one: { readonly schema: string; readonly name: string },
): boolean {
  return called.name === one.name && (called.schema === undefined || called.schema === one.schema);
}
