import { factsOf } from "../messages/findings.ts";
import { isLeak } from "../model/finding.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import type { Verdict } from "../model/verdict.ts";
import { type AccessChange, CellComparison } from "./cells.ts";
import { newFindings } from "./findings.ts";
import { ruleChanges, type Rules } from "./rules.ts";

/** An archive, as it is read: one side of a comparison. */
export interface DiffSide {
  readonly run: RunRecord;
  readonly catalog: Rules;
  readonly cells: () => AsyncIterable<CellRecord> | Iterable<CellRecord>;
}

export interface RunDiff {
  readonly before: string;
  readonly after: string;
  readonly personas: number;
  /** Cells whose access is known in both runs. */
  readonly compared: number;
  readonly gained: readonly AccessChange[];
  readonly lost: readonly AccessChange[];
  readonly verdicts: readonly { readonly cell: string; readonly before: Verdict; readonly after: Verdict }[];
  /** Found outside the cells (by a chain, or a call with other arguments), and not by the earlier run. */
  readonly leaks: readonly string[];
  /** The earlier run knows what they reach, and the later one does not. */
  readonly unknown: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** What is in force otherwise than before: a sentence each. */
  readonly rules: readonly string[];
}

/** Compares two runs; the earlier one's cells are held in short, the later one's are read once. */
export async function diffRuns(before: DiffSide, after: DiffSide): Promise<RunDiff> {
  const comparison = new CellComparison();
  for await (const cell of before.cells()) comparison.addEarlier(cell);
  const gained: AccessChange[] = [];
  const lost: AccessChange[] = [];
  const verdicts: { cell: string; before: Verdict; after: Verdict }[] = [];
  const unknown: string[] = [];
  const added: string[] = [];
  const personas = new Set<string>();
  let compared = 0;
  for await (const cell of after.cells()) {
    const change = comparison.compare(cell);
    personas.add(cell.persona);
    if (change.before === undefined) added.push(cell.id);
    else if (change.before !== cell.verdict)
      verdicts.push({ cell: cell.id, before: change.before, after: cell.verdict });
    if (change.known === "in both") compared += 1;
    if (change.known === "before only") unknown.push(cell.id);
    if (change.gained !== undefined) gained.push(change.gained);
    if (change.lost !== undefined) lost.push(change.lost);
  }
  return {
    before: before.run.id,
    after: after.run.id,
    personas: personas.size,
    compared,
    gained,
    lost,
    leaks: newLeaks(before.run, after.run),
    verdicts,
    unknown,
    added,
    removed: comparison.left.map(({ id }) => id),
    rules: ruleChanges(before.catalog, after.catalog),
  };
}

/** In words: leaks beside the cells that the earlier run did not find. */
export function newLeaks(before: RunRecord, after: RunRecord): readonly string[] {
  return newFindings(before.findings, after.findings)
    .filter(isLeak)
    .map((one) => `${one.kind}: ${factsOf(one)}`);
}

/** Access that was gained, and that no change of the matrix declares. */
export function undeclared({ gained }: RunDiff): readonly AccessChange[] {
  return gained.filter(isUndeclared);
}

export function isUndeclared({ declared }: AccessChange): boolean {
  return declared === "not changed" || declared === "not covered";
}

/** 1: access was gained that no change of the matrix declares, or a leak was found outside the cells; 2: of some access the later run cannot tell. */
export function diffExitCode(diff: RunDiff): 0 | 1 | 2 {
  if (undeclared(diff).length + diff.leaks.length > 0) return 1;
  return diff.unknown.length > 0 ? 2 : 0;
}
