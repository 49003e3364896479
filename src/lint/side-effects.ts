import type { Finding } from "../model/finding.ts";
import type { Matrix } from "../model/matrix.ts";
import { formatFunction, formatQualified } from "../lib/sql-text.ts";
import { type SideEffect, survivorsOf } from "../model/side-effect.ts";

/** What a rollback does not undo, where a declared relation or function reaches it. */
export function survivorFindings(matrix: Matrix, survivors: readonly SideEffect[]): readonly Finding[] {
  return [
    ...matrix.relations.map((spec) => ({ spec, name: formatQualified(spec) })),
    ...matrix.functions.map((spec) => ({ spec, name: formatFunction(spec) })),
  ].flatMap(({ spec, name }) =>
    survivorsOf(spec, survivors).map(
      ({ place, reaches }): Finding => ({
        kind: "side-effect-outside-transaction",
        relation: name,
        function: place,
        reaches,
      }),
    ),
  );
}
