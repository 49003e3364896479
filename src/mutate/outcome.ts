import { judge } from "../judge/verdict.ts";
import type { Cell } from "../model/cell.ts";
import type { MutantResult } from "../model/mutation.ts";
import type { Observation } from "../model/observation.ts";
import type { Verdict } from "../model/verdict.ts";
import type { Mutant } from "./mutant.ts";

export type Outcome = Pick<MutantResult, "state"> &
  Partial<Pick<MutantResult, "killedBy" | "because" | "asked">>;

export interface Seen {
  readonly verdict: Verdict;
  readonly timedOut: boolean;
  readonly because: string;
}

/** What a cell says of an observation; of a mutant's, with the relation as the catalogue would show it then. */
export function seenAs(cell: Cell, seen: Observation, mutant?: Pick<Mutant, "after" | "executes">): Seen {
  const asked = mutant === undefined ? cell : underInfo(cell, mutant);
  const { verdict, because } = judge(asked, seen, { channel: "direct", identityShown: true });
  return { verdict, because, timedOut: seen.kind === "failed" && seen.failure.kind === "timeout" };
}

export function underInfo(cell: Cell, { after, executes }: Pick<Mutant, "after" | "executes">): Cell {
  const { relation, call, role } = cell;
  if (call !== undefined && call.routine.oid === after.oid && role.inherits.includes(executes ?? "")) {
    const held = { schemaUsage: false, ...call.routine.privileges[role.name], execute: true };
    const privileges = { ...call.routine.privileges, [role.name]: held };
    return { ...cell, call: { ...call, routine: { ...call.routine, privileges } } };
  }
  return relation.info.oid === after.oid ? { ...cell, relation: { ...relation, info: after } } : cell;
}

/** Only what is less or more than declared was noticed: what is unclear afterwards was not. */
export const kills: ReadonlySet<Verdict> = new Set(["leak", "lockout", "diverged"]);

/** No other cell can say more. */
export function isFinal(outcome: Outcome | undefined): boolean {
  return outcome?.state === "killed";
}

export function outcomeOf(cells: readonly Cell[], verdicts: readonly Seen[]): Outcome | undefined {
  const at = verdicts.findIndex(({ verdict }) => kills.has(verdict));
  const [cell, seen] = [cells[at], verdicts[at]];
  if (cell !== undefined && seen !== undefined)
    return { state: "killed", killedBy: { cell: cell.id, verdict: seen.verdict }, because: seen.because };
  const late = verdicts.find(({ timedOut }) => timedOut);
  if (late !== undefined) return { state: "timeout", because: late.because };
  const error = verdicts.find(({ verdict }) => verdict === "error");
  return error && { state: "runtime error", because: error.because };
}
