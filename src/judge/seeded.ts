import type { Cell } from "../model/cell.ts";
import type { Observation, RowsObservation } from "../model/observation.ts";
import type { ProofAnswer, SeededRow } from "../model/proof.ts";
import type { Judgement } from "../model/verdict.ts";

/** Rows that the data would have to hold for a cell to be proved. */
export interface LackingRows {
  readonly inside: boolean;
  readonly outside: boolean;
}

const proving: ReadonlySet<ProofAnswer["kind"]> = new Set([
  "privilege",
  "no-policy",
  "all-rows",
  "keys-that-exist",
  "above",
]);

/** Of a vacuous cell whose proof holds: which rows to put in, so that a statement of the persona can show it. */
export function lackingRows(
  { operation, column, call, expectation, check }: Cell,
  { verdict }: Judgement,
  seen: Observation,
  proof: ProofAnswer,
): LackingRows | undefined {
  if (verdict !== "vacuous" || column !== undefined || call !== undefined || !proving.has(proof.kind))
    return undefined;
  if (seen.kind === "insert" && operation === "insert") {
    if (expectation.kind === "deny") return { inside: false, outside: true };
    return check === undefined ? undefined : { inside: true, outside: false };
  }
  if (seen.kind !== "rows") return undefined;
  const { total, declared } = seen.baseline;
  const wanted = expectation.kind === "rows" || expectation.kind === "within";
  const inside = (expectation.kind === "allow" && total === 0) || (wanted && declared === 0);
  const outside = (expectation.kind === "deny" && total === 0) || (wanted && declared === total);
  return inside || outside ? { inside, outside } : undefined;
}

/** The observation with the rows that were put in: they were there when the persona asked, and it reached those that are declared. */
export function seenWithSeeded(seen: RowsObservation, rows: readonly SeededRow[]): RowsObservation {
  const inside = rows.filter((one) => one.inside).length;
  const { baseline } = seen;
  return {
    ...seen,
    affected: seen.affected + rows.filter(({ reached }) => reached).length,
    baseline: { ...baseline, total: baseline.total + rows.length, declared: baseline.declared + inside },
  };
}

/** Of an INSERT: the row was refused, or stored, by the policies that the proof has evaluated for all rows. */
export function insertWithSeeded({ expectation }: Cell, judgement: Judgement): Judgement {
  const other = expectation.kind === "deny" && !["check", undefined].includes(expectation.reason);
  return other ? judgement : { ...judgement, verdict: "pass" };
}

export function withSeededReason(judgement: Judgement, rows: readonly SeededRow[]): Judgement {
  if (judgement.verdict !== "pass") return judgement;
  const which = rows
    .map(({ inside }) => (inside ? "one that is declared" : "one that is not"))
    .join(", and ");
  const how = `the data lacks such a row: ${which} was put in, asked about as the persona, and undone`;
  return { ...judgement, because: `${judgement.because}; ${how}` };
}
