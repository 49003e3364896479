import { closest, distance } from "fastest-levenshtein";
import type { Catalog, RelationInfo } from "../model/catalog.ts";
import type { Issue, SourcePosition } from "../model/errors.ts";
import type { Matrix, RelationSpec } from "../model/matrix.ts";
import { columnExpectations } from "./columns.ts";
import { formatQualified } from "../model/sql-text.ts";

/** Everything that the matrix names and the database has not: all of it at once, before any probe. */
export function preflight(matrix: Matrix, catalog: Catalog): readonly Issue[] {
  return [
    ...missingRoles(matrix, catalog),
    ...matrix.relations.flatMap((spec) => relationIssues(spec, catalog)),
  ];
}

export function findRelation(
  catalog: Catalog,
  of: { schema: string; name: string },
): RelationInfo | undefined {
  return catalog.relations.find((one) => one.schema === of.schema && one.name === of.name);
}

function missingRoles(matrix: Matrix, catalog: Catalog): readonly Issue[] {
  const known = catalog.roles.map((role) => role.name);
  return matrix.personas
    .filter((persona) => !known.includes(persona.role))
    .map((persona) => ({
      code: "preflight/missing-role",
      message: `the persona ${persona.name} has the role ${persona.role}, which does not exist in the database ${catalog.database}`,
      at: persona.at,
      hint: nearest(persona.role, known) ?? "create the role, or name one that exists",
    }));
}

function relationIssues(spec: RelationSpec, catalog: Catalog): readonly Issue[] {
  const info = findRelation(catalog, spec);
  if (info === undefined) return [missingRelation(spec, spec.at, catalog)];
  const control = spec.control === undefined ? undefined : findRelation(catalog, spec.control.from);
  const missingControl =
    spec.control !== undefined && control === undefined
      ? [missingRelation(spec.control.from, spec.control.at, catalog)]
      : [];
  return [
    ...missingControl,
    ...columnIssues(spec, info, control ?? info),
    ...(control === undefined ? [] : unseenColumns(spec, info, control)),
  ];
}

function missingRelation(
  name: { schema: string; name: string },
  at: SourcePosition,
  catalog: Catalog,
): Issue {
  const known = catalog.relations.map((one) => formatQualified(one));
  return {
    code: "preflight/missing-relation",
    message: `missing relation: ${formatQualified(name)} does not exist in the database ${catalog.database}`,
    at,
    hint:
      nearest(formatQualified(name), known) ??
      "apply the migration that creates it, or take it out of the matrix",
  };
}

function columnIssues(spec: RelationSpec, info: RelationInfo, control: RelationInfo): readonly Issue[] {
  const uses = [
    // A column that a view leaves out is hidden by that; one that nobody has is a mistake.
    ...spec.declarations.flatMap((one) =>
      one.columns.flatMap((rule) =>
        rule.columns.flatMap(({ name, at }) => [
          ...(rule.shows === "visible" || rule.rows !== undefined ? [{ column: name, at, of: info }] : []),
          { column: name, at, of: control },
        ]),
      ),
    ),
    ...(spec.key ?? []).map((column) => ({ column, at: spec.at, of: info })),
    ...(spec.key ?? []).map((column) => ({ column, at: spec.control?.at ?? spec.at, of: control })),
    ...spec.candidates.flatMap(({ values, at }) =>
      Object.keys(values).map((column) => ({ column, at, of: info })),
    ),
    ...spec.declarations.flatMap((one) => [
      ...Object.keys(one.set ?? {}).map((column) => ({ column, at: one.at, of: info })),
      ...one.never.flatMap((move) =>
        Object.keys(move.values).map((column) => ({ column, at: move.at, of: info })),
      ),
    ]),
  ];
  const issues = uses
    .filter(({ column, of }) => !of.columns.some((one) => one.name === column))
    .map(({ column, at, of }) => missingColumn(column, at, of));
  return [...new Map(issues.map((issue) => [JSON.stringify([issue.message, issue.at]), issue])).values()];
}

/** Columns that nobody lists are hidden: full sight must see what is hidden in them. */
function unseenColumns(spec: RelationSpec, info: RelationInfo, control: RelationInfo): readonly Issue[] {
  const seen = new Set(control.columns.map(({ name }) => name));
  const issues = spec.declarations.flatMap((one) =>
    columnExpectations({ declaration: one, expectation: one.expectation, implied: false }, { info })
      .filter(({ column, implied }) => implied && !seen.has(column))
      .map(({ column, at }) => ({
        code: "preflight/unseen-column",
        message: `${formatQualified(info)} shows a column ${column} that its control ${formatQualified(control)} has not, so nothing can tell what it hides`,
        at,
        hint: "name a control relation that has it under the same name, or take it out of the view",
      })),
  );
  return [...new Map(issues.map((issue) => [JSON.stringify([issue.message, issue.at]), issue])).values()];
}

function missingColumn(column: string, at: SourcePosition, of: RelationInfo): Issue {
  const known = of.columns.map((one) => one.name);
  return {
    code: "preflight/missing-column",
    message: `missing column: ${formatQualified(of)} has no column ${column}`,
    at,
    hint: nearest(column, known) ?? `its columns are ${known.join(", ")}`,
  };
}

function nearest(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const found = closest(name, [...known]);
  return distance(name, found) <= Math.max(2, Math.floor(name.length / 3))
    ? `did you mean ${found}?`
    : undefined;
}
