import type { RelationInfo } from "../model/catalog.ts";
import type { BoundCandidate, Cell } from "../model/cell.ts";
import type { ChannelAnswer } from "../model/channel.ts";
import type { Answer, CandidateAttempt, Observation } from "../model/observation.ts";

type Values = BoundCandidate["values"];

/** Values that stay to be looked for, by table. */
export interface Sent {
  note(cell: Cell, answers: readonly ChannelAnswer[]): void;
  to(info: RelationInfo): readonly Values[];
}

/** Of one table: more would make the search slower than the run. */
const mostOfATable = 500;

/** A write that was refused has left nothing: only what was accepted, or came to no answer, could have stayed. */
export function createSent(): Sent {
  const byTable = new Map<string, Map<string, Values>>();
  const keep = (oid: string, values: Values): void => {
    const known = byTable.get(oid) ?? new Map<string, Values>();
    byTable.set(oid, known);
    if (known.size < mostOfATable) known.set(JSON.stringify(values), values);
  };
  return {
    note(cell, answers) {
      const { base, info } = cell.relation;
      for (const { observation } of answers)
        for (const values of mayHaveStayed(cell, observation)) keep((base ?? info).oid, values);
    },
    to: ({ oid }) => [...(byTable.get(oid)?.values() ?? [])],
  };
}

function mayHaveStayed(cell: Cell, seen: Observation): readonly Values[] {
  const { candidates, update } = cell;
  const set = update?.set === undefined ? [] : [update.set];
  if (seen.kind === "failed")
    return [...[...candidates, ...(update?.never ?? [])].map(({ values }) => values), ...set];
  if (seen.kind === "insert") return acceptedOf(candidates, seen.attempts);
  if (seen.kind !== "rows") return [];
  return [...acceptedOf(update?.never ?? [], seen.forbiddenUpdates), ...(seen.affected > 0 ? set : [])];
}

function acceptedOf(
  candidates: readonly BoundCandidate[],
  attempts: readonly CandidateAttempt[],
): readonly Values[] {
  const names = new Set(
    attempts.filter(({ answer }) => accepted(answer)).map(({ candidate }) => candidate.name),
  );
  return candidates.filter(({ name }) => names.has(name)).map(({ values }) => values);
}

function accepted({ code, rows }: Answer): boolean {
  return code === null && (rows ?? 1) > 0;
}
