import { formatFunction, formatQualified } from "../lib/sql-text.ts";
import type { Finding } from "../model/finding.ts";
import type { FunctionSpec, Matrix, RelationSpec } from "../model/matrix.ts";

/** Waivers of relations, functions, changes and cells whose day is over. @param day `YYYY-MM-DD` */
export function expiredWaivers(matrix: Matrix, day: string): readonly Finding[] {
  const waivers = [
    ...matrix.waivedRelations.map((one) => ({ waiver: one, cell: formatQualified(one) })),
    ...(matrix.waivedFunctions ?? []).map((one) => ({ waiver: one, cell: formatFunction(one) })),
    ...(matrix.waivedChanges ?? []).map((one) => ({ waiver: one, cell: `gate: ${one.change}` })),
    ...matrix.relations.flatMap((spec) => waivedCells(spec, formatQualified(spec))),
    ...matrix.functions.flatMap((spec) => waivedCells(spec, formatFunction(spec))),
  ];
  return waivers
    .filter(({ waiver }) => waiver.expires < day)
    .map(
      ({ waiver, cell }): Finding => ({
        kind: "waiver-expired",
        cell,
        expires: waiver.expires,
        at: waiver.at,
      }),
    );
}

function waivedCells({ declarations }: RelationSpec | FunctionSpec, name: string) {
  return declarations.flatMap(({ waiver, persona, operation }) =>
    waiver === undefined ? [] : [{ waiver, cell: `${persona}/${name}/${operation}` }],
  );
}
