import { formatFunction, formatQualified } from "../lib/sql-text.ts";
import type { Finding } from "../model/finding.ts";
import type { Matrix } from "../model/matrix.ts";

/** Waivers of relations, functions, changes and cells whose day is over. @param day `YYYY-MM-DD` */
export function expiredWaivers(matrix: Matrix, day: string): readonly Finding[] {
  const waivers = [
    ...matrix.waivedRelations.map((one) => ({ waiver: one, cell: formatQualified(one) })),
    ...(matrix.waivedFunctions ?? []).map((one) => ({ waiver: one, cell: formatFunction(one) })),
    ...(matrix.waivedChanges ?? []).map((one) => ({ waiver: one, cell: `gate: ${one.change}` })),
    ...matrix.relations.flatMap((spec) =>
      spec.declarations.flatMap(({ waiver, persona, operation }) =>
        waiver === undefined ? [] : [{ waiver, cell: `${persona}/${formatQualified(spec)}/${operation}` }],
      ),
    ),
    ...matrix.functions.flatMap((spec) =>
      spec.declarations.flatMap(({ waiver, persona, operation }) =>
        waiver === undefined ? [] : [{ waiver, cell: `${persona}/${formatFunction(spec)}/${operation}` }],
      ),
    ),
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
