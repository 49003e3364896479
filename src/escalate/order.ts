import { inTurn } from "../lib/grouped.ts";
import type { Numbering } from "./measures.ts";
import type { Step } from "./step.ts";
import type { World } from "./world.ts";

/**
 * The most telling steps first. Within a rank every persona takes its relations, columns and functions in turn, so that each has had
 * its share where the budget ends the search; in a turn, those come first on which most depends that the persona does not reach.
 */
export function inOrder(steps: Iterable<Step>, weigh: (step: Step) => number): readonly Step[] {
  const ranks = new Map<number, Map<string, Step[]>>();
  for (const step of steps) {
    const places = ranks.get(step.rank) ?? new Map<string, Step[]>();
    ranks.set(step.rank, places);
    const place = [
      step.actor.index,
      step.kind,
      step.subject?.info.oid ?? step.routine?.oid,
      ...step.columns,
    ].join(" ");
    const queue = places.get(place);
    if (queue === undefined) places.set(place, [step]);
    else queue.push(step);
  }
  return [...ranks]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([, places]) => {
      const weighed = [...places.values()].map((queue) => ({
        queue,
        weight: queue[0] === undefined ? 0 : weigh(queue[0]),
      }));
      return inTurn(weighed.toSorted((a, b) => b.weight - a.weight).map(({ queue }) => queue));
    });
}

/** How many rows the actor could gain, to its knowledge of what reads what the step writes. */
export function weightOf(
  { actor, kind, subject, routine, columns: [column, ...more] }: Step,
  world: World,
  numbering: Numbering,
): number {
  const ofTable = (oid: string): number => numbering.gainable(actor, oid, undefined);
  if (routine !== undefined) {
    const { relations } = world.dependencies.closureOf({ kind: "function", oid: routine.oid });
    return Math.max(0, ...[...relations.keys()].map(ofTable));
  }
  if (subject === undefined) return 0;
  if (kind === "update" && column !== undefined && more.length === 0)
    return numbering.gainable(actor, subject.info.oid, subject.key.includes(column) ? undefined : column);
  return ofTable(subject.baseline.oid);
}
