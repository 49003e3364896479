import { formatQualified, type QualifiedName } from "../../lib/sql-text.ts";
import type { ProofFunction, Schema } from "./schema.ts";

/** A name that a function looks up by search_path, and what it means under the paths of different exposed schemas. */
export interface AmbiguousName {
  readonly function: string;
  readonly name: string;
  readonly means: readonly string[];
}

const words = /[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/gi;

/** A gateway puts the schema that a request asks for in front of `public`. */
export function ambiguousName(
  byPath: ReadonlySet<string>,
  exposes: readonly string[],
  schema: Schema,
): AmbiguousName | undefined {
  if (byPath.size === 0 || exposes.length < 2) return undefined;
  for (const fn of schema.functions) {
    if (!byPath.has(formatQualified(fn))) continue;
    for (const name of new Set(fn.source.match(words))) {
      const means = meaningsOf(fn, name, exposes, schema);
      if (means.length > 1) return { function: formatQualified(fn), name, means };
    }
  }
  return undefined;
}

function meaningsOf(
  { source }: ProofFunction,
  name: string,
  exposes: readonly string[],
  schema: Schema,
): readonly string[] {
  const isRead = new RegExp(`(?:\\b(?:from|join|into|update|using|only)|,)\\s*${name}\\b(?!\\s*[.(])`, "i");
  const isCalled = new RegExp(`(?<![.\\w"])${name}\\s*\\(`, "i");
  const low = name.toLowerCase();
  const first = (named: readonly QualifiedName[]): readonly string[] => {
    const found = exposes.flatMap((one) => {
      const path = [one, "public"];
      const hit = path.map((each) => named.find((other) => other.schema === each)).find(Boolean);
      return hit === undefined ? [] : [formatQualified(hit)];
    });
    return [...new Set(found)];
  };
  if (isRead.test(source)) return first([...schema.relations].filter((one) => one.name === low));
  return isCalled.test(source) ? first(schema.namesakes(low)) : [];
}
