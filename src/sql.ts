import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = new URL("../sql/", import.meta.url);
const texts = new Map<string, string>();

/** The text of `sql/<name>`. Works from `src/` and from `dist/`, which lie at the same depth. */
export function readSql(name: string): string {
  let text = texts.get(name);
  if (text === undefined) {
    text = readFileSync(fileURLToPath(new URL(name, folder)), "utf8");
    texts.set(name, text);
  }
  return text;
}
