import type { Catalog, RelationInfo } from "../model/catalog.ts";
import type { Issue } from "../model/errors.ts";
import type { Matrix, RelationSpec } from "../model/matrix.ts";
import { boundColumns, stepIssues, upsertIssues } from "./bounds.ts";
import { missingColumns, ruleColumns, unseenColumns } from "./column-issues.ts";
import { findRelation, missingRelation, nearest } from "./missing.ts";
import { functionIssues, functionsDeclaredTwice } from "./preflight-functions.ts";

/** Everything that the matrix names and the database has not: all of it at once, before any probe. */
export function preflight(matrix: Matrix, catalog: Catalog): readonly Issue[] {
  return [
    ...missingRoles(matrix, catalog),
    ...matrix.relations.flatMap((spec) => relationIssues(spec, matrix.schema, catalog)),
    ...matrix.functions.flatMap((spec) => [
      ...functionIssues(spec, catalog),
      ...stepIssues(spec.declarations, matrix.schema, catalog),
    ]),
    ...functionsDeclaredTwice(matrix, catalog),
  ];
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

function relationIssues(spec: RelationSpec, schema: string, catalog: Catalog): readonly Issue[] {
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
    ...stepIssues(spec.declarations, schema, catalog),
    ...upsertIssues(spec.declarations, info),
    ...(control === undefined ? [] : unseenColumns(spec, info, control)),
  ];
}

function columnIssues(spec: RelationSpec, info: RelationInfo, control: RelationInfo): readonly Issue[] {
  const uses = [
    ...ruleColumns(spec, info, control),
    ...boundColumns(spec.declarations, info),
    ...[...(spec.key ?? []), ...(spec.carries ?? [])].map((column) => ({ column, at: spec.at, of: info })),
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
  return missingColumns(uses);
}
