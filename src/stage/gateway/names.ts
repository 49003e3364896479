import { refuse } from "./errors.ts";
import { Scanner } from "./scanner.ts";

// Letters of any alphabet, as in PostgREST; anything else must stand in double quotes.
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

/** `a.b.c`, a key that may point into an embedded resource: the way there and the name at its end. */
export function parsePath(key: string): { readonly path: readonly string[]; readonly name: string } {
  const scanner = new Scanner(key, "tree path");
  const names = [readName(scanner)];
  while (scanner.eat(".")) names.push(readName(scanner));
  if (scanner.sees("->")) throw refuse.notSpoken("JSON paths (->, ->>)");
  return { path: names.slice(0, -1), name: names.at(-1) ?? "" };
}
