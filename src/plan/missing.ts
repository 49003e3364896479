import { closest, distance } from "fastest-levenshtein";
import type { Catalog, RelationInfo } from "../model/catalog.ts";
import type { Issue, SourcePosition } from "../model/errors.ts";
import { type QualifiedName, formatQualified } from "../lib/sql-text.ts";

/** By schema and name, made once for each catalogue: a matrix may name each of thousands of relations. */
const indexes = new WeakMap<Catalog["relations"], ReadonlyMap<string, RelationInfo>>();

export function findRelation({ relations }: Catalog, of: QualifiedName): RelationInfo | undefined {
  const index = indexes.get(relations) ?? new Map(relations.map((one) => [keyOf(one), one]));
  indexes.set(relations, index);
  return index.get(keyOf(of));
}

function keyOf({ schema, name }: QualifiedName): string {
  return JSON.stringify([schema, name]);
}

export function missingRelation(name: QualifiedName, at: SourcePosition, catalog: Catalog): Issue {
  const isFunction = catalog.routines.some((one) => one.schema === name.schema && one.name === name.name);
  return {
    code: "preflight/missing-relation",
    message: `missing relation: ${formatQualified(name)} does not exist in the database ${catalog.database}`,
    at,
    hint: isFunction
      ? "it is a function: declare it under `functions:`"
      : (nearestOf(catalog.relations, name) ??
        "apply the migration that creates it, or take it out of the matrix"),
  };
}

export function missingColumn(
  column: string,
  at: SourcePosition,
  of: QualifiedName & { readonly columns: readonly { readonly name: string }[] },
): Issue {
  const known = of.columns.map((one) => one.name);
  return {
    code: "preflight/missing-column",
    message: `missing column: ${formatQualified(of)} has no column ${column}`,
    at,
    hint: nearest(column, known) ?? `its columns are ${known.join(", ") || "none"}`,
  };
}

interface Names {
  readonly known: readonly string[];
  /** Hints that were looked for. */
  readonly hints: Map<string, string | undefined>;
}

/** Each is compared with every known name: thousands of them would take minutes, and a reader needs only a few. */
const hintsAtMost = 200;
const namesOf = new WeakMap<readonly QualifiedName[], Names>();

/** Among all relations or functions of a catalogue. */
export function nearestOf(all: readonly QualifiedName[], name: QualifiedName): string | undefined {
  const { known, hints } = namesOf.get(all) ?? {
    known: [...new Set(all.map((one) => formatQualified(one)))],
    hints: new Map<string, string | undefined>(),
  };
  namesOf.set(all, { known, hints });
  const wanted = formatQualified(name);
  if (!hints.has(wanted) && hints.size < hintsAtMost) hints.set(wanted, nearest(wanted, known));
  return hints.get(wanted);
}

export function nearest(name: string, known: readonly string[]): string | undefined {
  const most = Math.max(2, Math.floor(name.length / 3));
  // Names of another length are at least as far apart as that.
  const alike = known.filter((one) => Math.abs(one.length - name.length) <= most);
  if (alike.length === 0) return undefined;
  const found = closest(name, alike);
  return distance(name, found) <= most ? `did you mean ${found}?` : undefined;
}
