/** One statement of a file: its text lies from `start` to `end`, in UTF-16 units. */
export interface Statement {
  readonly start: number;
  readonly end: number;
}

/**
 * The statements of a text, as Postgres's own parser cuts them; `undefined` when it cannot read it.
 * The parser is loaded on the first call: a run whose SQL is right never needs it.
 */
export async function splitStatements(text: string): Promise<Statement[] | undefined> {
  const { parse } = await import("libpg-query");
  const bytes = Buffer.from(text);
  const unitsOf = (from: number, to: number): number => bytes.toString("utf8", from, to).length;
  try {
    const { stmts = [] } = await parse(text);
    let [byte, start] = [0, 0];
    return stmts.map(({ stmt_location = 0, stmt_len }) => {
      start += unitsOf(byte, stmt_location);
      byte = stmt_location;
      return { start, end: stmt_len === undefined ? text.length : start + unitsOf(byte, byte + stmt_len) };
    });
  } catch {
    return undefined;
  }
}

/** More text than this before the mistake does not make the answer better. */
const attempts = 50;

/** The statement that holds a syntax error at `offset`, and how many stand before it. */
export async function statementAt(text: string, offset: number): Promise<{ index: number; start: number }> {
  let cut = lastSemicolon(text, offset);
  for (let attempt = 0; attempt < attempts && cut > 0; attempt++) {
    // Whatever stands before the statement with the mistake can be parsed, unless the cut fell into a string.
    const before = await splitStatements(text.slice(0, cut));
    if (before !== undefined) return { index: before.length, start: skipBlank(text, cut) };
    cut = lastSemicolon(text, cut - 1);
  }
  return { index: 0, start: skipBlank(text, 0) };
}

/** Where the text after the last semicolon before `end` starts; 0 when there is none. */
function lastSemicolon(text: string, end: number): number {
  return text.slice(0, end).lastIndexOf(";") + 1;
}

function skipBlank(text: string, from: number): number {
  const blank = /(?:\s+|--[^\n]*|\/\*[\s\S]*?\*\/)*/y;
  blank.lastIndex = from;
  return from + (blank.exec(text)?.[0].length ?? 0);
}
