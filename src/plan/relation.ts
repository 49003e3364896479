import type { Catalog, RelationInfo } from "../model/catalog.ts";
import type { PlannedRelation } from "../model/cell.ts";
import type { RelationSpec } from "../model/matrix.ts";
import { findRelation } from "./missing.ts";

export type SampleRow = Readonly<Record<string, string | null>>;

/** A relation as its cells need to know it. The matrix has passed preflight: what it names exists. */
export function planRelation(
  spec: RelationSpec,
  catalog: Catalog,
  samples: readonly SampleRow[],
): PlannedRelation {
  const info = requireRelation(catalog, spec);
  const base = baseOf(info, catalog);
  const control = spec.control === undefined ? info : requireRelation(catalog, spec.control.from);
  const key = spec.key ?? keyOf(info, base);
  const { schema, name } = info;
  const facts = catalog.sessionFacts.filter(
    (one) => one.routine === null && one.schema === schema && one.name === name,
  );
  const { at, raises } = spec;
  return { info, key: keyIn(key, control), baseline: control, base, at, samples, facts, raises };
}

function requireRelation(catalog: Catalog, of: { schema: string; name: string }): RelationInfo {
  const found = findRelation(catalog, of);
  if (found === undefined) throw new Error(`preflight let ${of.schema}.${of.name} pass`);
  return found;
}

/** The table whose rows a write changes: the relation itself, or the one table that a view reads, if it takes writes. */
function baseOf(info: RelationInfo, catalog: Catalog): RelationInfo | undefined {
  if (info.kind !== "view" && info.kind !== "materialized") return info;
  const [only, ...others] = info.reads;
  if (only === undefined || others.length > 0 || info.accepts.length === 0) return undefined;
  const base = findRelation(catalog, only);
  return base?.kind === "table" || base?.kind === "partitioned" ? base : undefined;
}

function keyOf(info: RelationInfo, base: RelationInfo | undefined): readonly string[] {
  if (info.primaryKey.length > 0) return info.primaryKey;
  const unique = info.uniqueKeys[0];
  if (unique !== undefined) return unique;
  return base !== undefined && base !== info ? keyIn(keyOf(base, base), info) : [];
}

/** A key whose columns the baseline relation lacks is not a key there. */
function keyIn(key: readonly string[], relation: RelationInfo): readonly string[] {
  return key.every((name) => relation.columns.some((column) => column.name === name)) ? key : [];
}
