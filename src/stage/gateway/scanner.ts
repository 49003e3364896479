import { refuse, type Refused } from "./errors.ts";

/** Reads one query parameter from left to right; what it cannot read is PGRST100, with the column where it stopped. */
export class Scanner {
  private readonly text: string;
  private readonly what: string;
  private at = 0;

  /** `what` names the parameter for the error: `failed to parse filter (eq5)`. */
  constructor(text: string, what: string) {
    this.text = text;
    this.what = what;
  }

  atEnd(): boolean {
    return this.at >= this.text.length;
  }

  sees(text: string): boolean {
    return this.text.startsWith(text, this.at);
  }

  eat(text: string): boolean {
    if (!this.sees(text)) return false;
    this.at += text.length;
    return true;
  }

  /** What a sticky pattern matches here, or nothing; only then is it consumed. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text) ?? undefined;
    if (found !== undefined) this.at = pattern.lastIndex;
    return found;
  }

  rest(): string {
    const text = this.text.slice(this.at);
    this.at = this.text.length;
    return text;
  }

  skipBlanks(): void {
    this.match(/[ \t]*/y);
  }

  expect(text: string): void {
    if (!this.eat(text)) throw this.unexpected(JSON.stringify(text));
  }

  /** Reads with `read`; when that fails, returns to the earlier position. */
  attempt<T>(read: () => T): T | undefined {
    const start = this.at;
    const result = read();
    if (result === undefined) this.at = start;
    return result;
  }

  /** `item (, item)*` */
  list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.separator()) items.push(item());
    return items;
  }

  private separator(): boolean {
    return this.match(/[ \t]*,[ \t]*/y) !== undefined;
  }

  unexpected(expecting: string): Refused {
    const found = this.atEnd() ? "end of input" : JSON.stringify(this.text.charAt(this.at));
    const position = `(line 1, column ${Array.from(this.text.slice(0, this.at)).length + 1})`;
    return refuse.query(
      `${JSON.stringify(`failed to parse ${this.what} (${this.text})`)} ${position}`,
      `unexpected ${found} expecting ${expecting}`,
    );
  }
}

// Letters of any alphabet, as in PostgREST; anything else must be in double quotes.
const word = /[\p{L}0-9_ $]+/uy;
const quoted = /"((?:[^"\\]|\\[^])*)"/y;

/** A column's or relation's name: words joined by `-`, or anything in double quotes. */
export function readName(scanner: Scanner): string {
  const name = tryName(scanner);
  if (name === undefined) throw scanner.unexpected("field name (* or [a..z0..9_$])");
  return name;
}

export function tryName(scanner: Scanner): string | undefined {
  const text = tryQuoted(scanner);
  if (text !== undefined) return text;
  const first = scanner.match(word)?.[0];
  if (first === undefined) return undefined;
  const words = [first.trim()];
  while (scanner.match(/-(?!>)/y)) {
    const next = scanner.match(word)?.[0];
    if (next === undefined) throw scanner.unexpected('letter, digit or "_"');
    words.push(next.trim());
  }
  return words.join("-");
}

/** Text in double quotes, with `\` before what it would otherwise end at. */
export function tryQuoted(scanner: Scanner): string | undefined {
  return scanner.match(quoted)?.[1]?.replaceAll(/\\([^])/g, "$1");
}

/** A column as part of a filter, an order or a select. */
export function readColumn(scanner: Scanner): string {
  scanner.skipBlanks();
  const name = readName(scanner);
  if (scanner.sees("->")) throw refuse.notSpoken("JSON paths (->, ->>)");
  scanner.skipBlanks();
  return name;
}

/** `a,b,"c d"` of `columns` and `on_conflict`. */
export function parseNames(text: string, parameter: string): string[] {
  const scanner = new Scanner(text, `${parameter} parameter`);
  return scanner.list(() => readName(scanner));
}

/** A parameter's key: a name. `a.b` would point into an embedded resource. */
export function readKey(key: string): string {
  const scanner = new Scanner(key, "tree path");
  const name = readName(scanner);
  if (scanner.sees(".")) throw refuse.notSpoken("resource embedding");
  if (scanner.sees("->")) throw refuse.notSpoken("JSON paths (->, ->>)");
  return name;
}
