import { formatQualified } from "../lib/sql-text.ts";
import type { Catalog, RelationInfo, RoutineInfo } from "../model/catalog.ts";
import type { Issue } from "../model/errors.ts";
import type { Declaration, NamedColumn } from "../model/matrix.ts";
import type { ColumnUse } from "./column-issues.ts";
import { findRelation, nearest } from "./missing.ts";

/** What an entry of `may_become`'s `by` means: writes to a relation, or to one of its columns, or calls of a function. */
export type NamedStep =
  | { readonly kind: "relation"; readonly relation: RelationInfo; readonly column: string | undefined }
  | { readonly kind: "function"; readonly routines: readonly RoutineInfo[] };

/** `tasks`, `public.tasks`, `tasks.userId`, `public.tasks.userId`, `accept_invitation`, `api.accept_invitation`. */
export function namedStep(text: string, schema: string, catalog: Catalog): NamedStep | undefined {
  const parts = [...text.matchAll(/"((?:[^"]|"")+)"|([^."]+)/g)].map(
    ([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare ?? "",
  );
  const [first = "", second = "", third] = parts;
  if (parts.length === 1) {
    return relationStep(catalog, schema, first, undefined) ?? functionStep(catalog, schema, first);
  }
  if (third !== undefined)
    return parts.length === 3 ? relationStep(catalog, first, second, third) : undefined;
  return (
    relationStep(catalog, first, second, undefined) ??
    relationStep(catalog, schema, first, second) ??
    functionStep(catalog, first, second)
  );
}

function relationStep(
  catalog: Catalog,
  schema: string,
  name: string,
  column: string | undefined,
): NamedStep | undefined {
  const relation = findRelation(catalog, { schema, name });
  if (relation === undefined) return undefined;
  if (column !== undefined && !relation.columns.some((one) => one.name === column)) return undefined;
  return { kind: "relation", relation, column };
}

function functionStep({ routines }: Catalog, schema: string, name: string): NamedStep | undefined {
  const named = routines.filter((one) => one.schema === schema && one.name === name);
  return named.length === 0 ? undefined : { kind: "function", routines: named };
}

/** Columns that `columns: { fixed, free }` and `names` of these expectations name. */
export function boundColumns(declarations: readonly Declaration[], of: RelationInfo): readonly ColumnUse[] {
  return declarations.flatMap(({ assignment, names }) =>
    [...(assignment?.fixed ?? []), ...(assignment?.free ?? []), ...(names ?? [])].map(({ name, at }) => ({
      column: name,
      at,
      of,
    })),
  );
}

/** What `may_become` names as a step and the database has not. */
export function stepIssues(
  declarations: readonly Declaration[],
  schema: string,
  catalog: Catalog,
): readonly Issue[] {
  const named = declarations.flatMap(({ mayBecome }) => mayBecome?.by ?? []);
  const once = new Map(named.map((one) => [JSON.stringify(one.at), one]));
  return [...once.values()]
    .filter(({ name }) => namedStep(name, schema, catalog) === undefined)
    .map((one) => missingStep(one, catalog));
}

function missingStep({ name, at }: NamedColumn, { relations, routines }: Catalog): Issue {
  const known = [...relations, ...routines].flatMap((one) => [formatQualified(one), one.name]);
  return {
    code: "preflight/missing-step",
    message: `missing step: ${name} is no relation, column or function of the database`,
    at,
    hint: nearest(name, known) ?? "write `relation`, `relation.column` or `function`",
  };
}
