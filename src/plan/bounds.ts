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

/** Columns that `columns: { fixed, free }`, `names`, `returning`, `sends` and `on_conflict` of these expectations name. */
export function boundColumns(declarations: readonly Declaration[], of: RelationInfo): readonly ColumnUse[] {
  return declarations.flatMap(({ assignment, names, returning, partial }) =>
    [
      ...(assignment?.fixed ?? []),
      ...(assignment?.free ?? []),
      ...(names ?? []),
      ...(returning?.columns ?? []),
      ...(partial?.sends ?? []),
      ...(partial?.onConflict ?? []),
    ].map(({ name, at }) => ({
      column: name,
      at,
      of,
    })),
  );
}

/** An upsert that Postgres would refuse for everybody: what it conflicts by is no key, or a column without a default is left out. */
export function upsertIssues(declarations: readonly Declaration[], of: RelationInfo): readonly Issue[] {
  const once = new Map(
    declarations.flatMap(({ partial }) =>
      partial === undefined ? [] : [[JSON.stringify(partial.at), partial]],
    ),
  );
  const keys = [of.primaryKey, ...of.uniqueKeys].filter((key) => key.length > 0);
  return [...once.values()].flatMap(({ sends, onConflict, at }): readonly Issue[] => {
    const conflict = onConflict?.map(({ name }) => name);
    const isKey = keys.some(
      (key) => key.length === conflict?.length && key.every((one) => conflict.includes(one)),
    );
    if (conflict !== undefined && !isKey) {
      const message = `ON CONFLICT (${conflict.join(", ")}) names no unique key of ${formatQualified(of)}`;
      const hint = `its keys without NULLs are ${keys.map((key) => `(${key.join(", ")})`).join(", ") || "none"}`;
      return [{ code: "preflight/no-such-key", message, at, hint }];
    }
    if (sends === undefined) return [];
    const sent = new Set([...sends.map(({ name }) => name), ...(conflict ?? of.primaryKey)]);
    const missing = of.columns.filter(
      (one) =>
        one.notNull && !one.hasDefault && !one.generated && one.identity === null && !sent.has(one.name),
    );
    return missing.map(({ name }) => ({
      code: "preflight/upsert-without-column",
      message: `the upsert leaves out ${name} of ${formatQualified(of)}, which is NOT NULL and has no default: Postgres checks that before ON CONFLICT`,
      at,
      hint: `add ${name} to \`sends\``,
    }));
  });
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
