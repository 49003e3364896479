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

/** What another observation of the same cell, with rows put in, adds to what was seen. */
export function seenWithMore(
  seen: RowsObservation,
  before: RowsObservation,
  after: RowsObservation,
): RowsObservation {
  const more = (of: (one: RowsObservation) => number): number => of(seen) + of(after) - of(before);
  return {
    ...seen,
    affected: more(({ affected }) => affected),
    unexpected: more(({ unexpected }) => unexpected),
    missing: more(({ missing }) => missing),
    baseline: {
      total: more(({ baseline }) => baseline.total),
      declared: more(({ baseline }) => baseline.declared),
    },
    forbiddenUpdates: after.forbiddenUpdates,
  };
}

/** What is a probe's own to show by rows that are put in, since no proof speaks of it: columns, views, calls, forbidden updates. */
export function isShownByProbe(
  { column, call, relation, update }: Cell,
  { verdict }: Judgement,
  seen: Observation,
): seen is RowsObservation {
  if (verdict !== "vacuous" || seen.kind !== "rows") return false;
  const isView = relation.info.kind === "view";
  return column !== undefined || call !== undefined || isView || (update?.never.length ?? 0) > 0;
}

/** A view or a call that passes with the rows that are there: no proof says what it would show of others. */
export function restsOnRows(
  { column, call, relation, expectation }: Cell,
  { verdict }: Judgement,
  seen: Observation,
): seen is RowsObservation {
  const bounded = ["deny", "rows", "within"].includes(expectation.kind);
  const isShown = column === undefined && (call !== undefined || relation.info.kind === "view");
  return verdict === "pass" && seen.kind === "rows" && isShown && bounded;
}

/** Of an INSERT: the row was refused, or stored, by the policies that the proof has evaluated for all rows. */
export function insertWithSeeded({ expectation }: Cell, judgement: Judgement): Judgement {
  const other = expectation.kind === "deny" && !["check", undefined].includes(expectation.reason);
  return other ? judgement : { ...judgement, verdict: "pass" };
}

export function withSeededReason(judgement: Judgement, rows: readonly SeededRow[]): Judgement {
  if (judgement.verdict !== "pass" && judgement.verdict !== "leak") return judgement;
  const which = rows
    .map(({ inside }) => (inside ? "one that is declared" : "one that is not"))
    .join(", and ");
  const isChange = rows.some(({ changes }) => changes === true);
  const lack = isChange ? "no row of the data is in such a state" : "the data lacks such a row";
  const done = isChange ? "rows were changed" : `${which} was put in`;
  const how = `${lack}: ${done}, asked about as the persona, and undone`;
  const because = `${judgement.because}; ${how}`;
  return judgement.verdict === "pass"
    ? { ...judgement, because }
    : { ...judgement, because: `${because} (${rows.map(({ setup }) => setup).join("; ")})`, fromProof: true };
}
