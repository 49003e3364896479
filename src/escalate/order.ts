import type { Step } from "./step.ts";

/**
 * The most telling steps first, and within a rank the personas in turn, each with its relations and functions in turn: where the
 * budget ends the search, every persona and every relation has had its share.
 */
export function inOrder(steps: Iterable<Step>): readonly Step[] {
  const ranks = new Map<number, Map<number, Map<string, Step[]>>>();
  for (const step of steps) {
    const actors = ranks.get(step.rank) ?? new Map<number, Map<string, Step[]>>();
    ranks.set(step.rank, actors);
    const places = actors.get(step.actor.index) ?? new Map<string, Step[]>();
    actors.set(step.actor.index, places);
    const on = `${step.kind} ${step.subject?.info.oid ?? step.routine?.oid ?? ""} ${step.columns.join()}`;
    const queue = places.get(on);
    if (queue === undefined) places.set(on, [step]);
    else queue.push(step);
  }
  return [...ranks]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([, actors]) => inTurn([...actors.values()].map((places) => inTurn([...places.values()]))));
}

/** One of each in turn, until none has any left. */
function inTurn<T>(queues: readonly (readonly T[])[]): readonly T[] {
  const longest = Math.max(0, ...queues.map(({ length }) => length));
  return Array.from({ length: longest }, (_, place) =>
    queues.flatMap((queue) => queue.slice(place, place + 1)),
  ).flat();
}
