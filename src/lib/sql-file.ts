import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = new URL("../../sql/", import.meta.url);
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

/** The files of `sql/<below>`, as {@link readSql} takes them, in the order of their names. */
export function listSql(below: string): readonly string[] {
  return readdirSync(fileURLToPath(new URL(`${below}/`, folder)))
    .filter((name) => name.endsWith(".sql"))
    .toSorted()
    .map((name) => `${below}/${name}`);
}

/** A file with its pieces in braces filled in. In one pass, so that braces within a piece stay what they are. */
export function fillSql(file: string, pieces: Readonly<Record<string, string>>): string {
  return (
    readSql(file)
      // A piece that holds a line break must not end a comment.
      .replaceAll(/^--.*\n/gm, "")
      .replaceAll(/\{(\w+)\}/g, (_, name: string) => pieces[name] ?? "")
  );
}

/** What the catalogue and the proof read alike of relations and columns, for {@link fillSql}. */
export function relationParts(): Readonly<Record<"relation" | "column" | "lineage", string>> {
  return {
    relation: fillSql("parts/relation.sql", {}),
    column: fillSql("parts/column.sql", {}),
    lineage: fillSql("parts/lineage.sql", {}),
  };
}
