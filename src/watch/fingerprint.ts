import { Client } from "pg";
import { grouped } from "../lib/grouped.ts";
import { readSql } from "../lib/sql-file.ts";
import { formatFunction, formatQualified, quoteIdent, type QualifiedName } from "../lib/sql-text.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import type { Matrix } from "../model/matrix.ts";
import type { DatabaseAddress } from "../model/target.ts";

export async function readFingerprints(database: DatabaseAddress): Promise<readonly Fingerprint[]> {
  const client = new Client({ ...database, ssl: false });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query<Fingerprint>(readSql("watch_fingerprint.sql"))).rows;
  } finally {
    await client.end();
  }
}

/** What a change of the database can reach: names as in cells (`schema.relation`), or everything. */
export type Touched =
  | { readonly kind: "all"; readonly because: string }
  | { readonly kind: "some"; readonly names: readonly string[] };

/**
 * Which relations and functions of the matrix (its patterns spelled out) a change of the database touches: those that changed, those that reach a changed one
 * through policies, keys, views, partitions, triggers or functions, those whose row sets name one, and those behind SQL of which no
 * catalogue says what it reads.
 */
export function touchedBy(
  before: readonly Fingerprint[],
  after: readonly Fingerprint[],
  matrix: Matrix,
): Touched {
  const changed = changesOf(before, after);
  if (changed.has("")) return { kind: "all", because: "a role, type, schema or default privilege changed" };
  if (changed.size === 0) return { kind: "some", names: [] };
  const all = [...before, ...after].filter(({ name }) => name !== "");
  const byName = grouped(all, ({ relation }) => relation);
  const isTouched = (from: readonly string[]): boolean =>
    [...closureOf(from, byName)].some((one) => {
      const known = byName.get(one);
      const parents = known?.flatMap((each) => each.parents) ?? [];
      return (
        known === undefined ||
        [one, ...parents].some((each) => changed.has(each)) ||
        known.some(({ opaque }) => opaque)
      );
    });
  const namedIn = (texts: readonly string[]): readonly string[] =>
    all.filter(({ name }) => texts.some((text) => text.includes(name))).map(({ relation }) => relation);
  const relations = matrix.relations.filter((spec) => {
    const base = spec.control === undefined ? [] : [keyOf(spec.control.from)];
    return isTouched([keyOf(spec), ...base, ...namedIn(predicatesOf(spec))]);
  });
  const functions = matrix.functions.filter((spec) => {
    const named = namedIn([JSON.stringify(spec)]);
    return named.length === 0 || isTouched(named);
  });
  return { kind: "some", names: [...relations.map(formatQualified), ...functions.map(formatFunction)] };
}

/** Names of relations that are not what they were, that came, or that went; `""`: what belongs to none. */
function changesOf(before: readonly Fingerprint[], after: readonly Fingerprint[]): ReadonlySet<string> {
  const [was, is] = [marks(before), marks(after)];
  return new Set([...was.keys(), ...is.keys()].filter((one) => was.get(one) !== is.get(one)));
}

/** In either state: what a function names may be gone, or new. */
function closureOf(
  from: readonly string[],
  all: ReadonlyMap<string, readonly Fingerprint[]>,
): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...from];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(all.get(next) ?? []).flatMap(({ needs }) => needs));
  }
  return found;
}

function predicatesOf({ rowSets, declarations }: Matrix["relations"][number]): readonly string[] {
  const stated = declarations.flatMap(({ expectation, check, mayBecome, columns }) => [
    ...("predicate" in expectation ? [expectation.predicate] : []),
    ...(check === undefined ? [] : [check.predicate]),
    ...(mayBecome?.rows === undefined ? [] : [mayBecome.rows.predicate]),
    ...columns.flatMap(({ rows }) => rows?.predicate ?? []),
  ]);
  return [...rowSets.map(({ predicate }) => predicate), ...stated];
}

/** As `format('%I')` writes it. */
function keyOf({ schema, name }: QualifiedName): string {
  return [schema, name].map((one) => (/^[a-z_][a-z0-9_]*$/.test(one) ? one : quoteIdent(one))).join(".");
}

function marks(of: readonly Fingerprint[]): ReadonlyMap<string, string> {
  return new Map(of.map(({ relation, mark }) => [relation, mark]));
}
