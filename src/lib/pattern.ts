/** A text as a pattern of itself, in every flag's syntax. (`RegExp.escape` needs Node 24.) */
export function literally(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
}

/** Finds an SQL name that stands by itself, not within another one. */
export function wordOf(name: string, flags = ""): RegExp {
  return new RegExp(String.raw`(?<![\w$])${literally(name)}(?![\w$])`, flags);
}
