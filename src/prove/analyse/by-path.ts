import { literally } from "../../lib/pattern.ts";
import { formatQualified, type QualifiedName } from "../../lib/sql-text.ts";
import type { Schema } from "./schema.ts";

/** A name that a function looks up by search_path, and what it means under the paths of different exposed schemas. */
export interface AmbiguousName {
  readonly function: string;
  readonly name: string;
  readonly means: readonly string[];
}

const words = /(?<![.\w"])"?[a-z_\u0080-\uffff][\w$\u0080-\uffff]*"?(?!\s*\.)/gi;
/** What says by itself where the path leads. */
const asksPath = /\bcurrent_schemas?\b|\bpg_\w+_is_visible\b|\bsearch_path\b/i;
/** Texts are looked up as names. */
const namesInTexts =
  /\b(?:to_)?reg(?:class|proc|procedure|type|oper|operator|config|dictionary|collation)\b|\b(?:table|query|schema)_to_xml/i;

/**
 * A gateway puts the schema that a request asks for in front of `public`.
 * @param texts of policies, printed under `search_path = ''`
 */
export function ambiguousName(
  texts: readonly string[],
  byPath: ReadonlySet<string>,
  exposes: readonly string[],
  schema: Schema,
): AmbiguousName | undefined {
  if (exposes.length < 2) return undefined;
  const functions = [...schema.functions].filter((one) => byPath.has(formatQualified(one)));
  const sources = [
    ...texts.map((source) => ({ function: "the policy", source })),
    ...functions.map((one) => ({ function: formatQualified(one), source: one.source })),
  ];
  for (const { function: by, source } of sources) {
    const asks = asksPath.exec(source)?.[0];
    if (asks !== undefined) return { function: by, name: asks, means: exposes };
    for (const name of new Set(source.match(words))) {
      const means = meaningsOf(source, name, exposes, schema);
      if (means.length > 1) return { function: by, name, means };
    }
  }
  return undefined;
}

function meaningsOf(
  source: string,
  name: string,
  exposes: readonly string[],
  schema: Schema,
): readonly string[] {
  const exact = literally(name);
  const isRead = new RegExp(
    `(?:\\b(?:from|join|into|update|using|only)|,)\\s*${exact}(?![\\w$])(?!\\s*[.(])`,
    "i",
  );
  const isCalled = new RegExp(`(?<![.\\w"])${exact}\\s*\\(`, "i");
  const low = name.startsWith('"') ? name.replaceAll('"', "") : name.replaceAll('"', "").toLowerCase();
  const first = (named: readonly QualifiedName[]): readonly string[] => {
    const found = exposes.flatMap((one) => {
      const path = [one, "public"];
      const hit = path.map((each) => named.find((other) => other.schema === each)).find(Boolean);
      return hit === undefined ? [] : [formatQualified(hit)];
    });
    return [...new Set(found)];
  };
  const inTexts = namesInTexts.test(source);
  if (inTexts || isRead.test(source)) {
    const read = first([...schema.relations].filter((one) => one.name === low));
    if (read.length > 1 || !inTexts) return read;
  }
  // A type or a configuration is named anywhere.
  const others = first(schema.others.filter((one) => one.name === low));
  return others.length > 1 ? others : inTexts || isCalled.test(source) ? first(schema.namesakes(low)) : [];
}
