import { tokenizeSql } from "../../lib/sql-tokens.ts";

/** What the constants of SQL texts hold, those of statements that are texts themselves among them; of patterns what lies between wildcards. */
export function constantsIn(texts: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const one of texts) collect(one, found);
  return found;
}

function collect(sql: string, found: Set<string>): void {
  for (const { kind, text } of tokenizeSql(sql)) {
    if (kind !== "string") continue;
    const held = text.startsWith("$")
      ? text.replaceAll(/^\$\w*\$|\$\w*\$$/g, "")
      : text.replaceAll(/^[eE]?'|'$/g, "").replaceAll("''", "'");
    if (held.includes("'")) collect(held, found);
    for (const one of held.split(wildcards)) if (one !== "") found.add(one);
    if (ranges.test(held)) found.add(anyText);
  }
}

const wildcards = /[%^$*+?|(){}\\]+/;
/** `[a-m]`, `\w`: a pattern that may meet any text. */
const ranges = /\[[^\]"']*-[^\]"']*\]|\\[a-z]/i;

/** A constant by which any text may be told from another. */
const anyText = "";

/** May a comparison with one of them tell this text from another? @param isNamed the text itself among them is only what it is called */
export function tellApart(constants: ReadonlySet<string>, text: string, isNamed: boolean): boolean {
  const own = text.toLowerCase();
  return [...constants].some((one) => {
    const other = one.toLowerCase();
    return other.includes(own) ? !isNamed : own.includes(other);
  });
}
