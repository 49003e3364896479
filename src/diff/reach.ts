import type { Channel } from "../model/cell.ts";
import type { CandidateAttempt, Observation, RowsObservation } from "../model/observation.ts";

/** What a persona reached on one channel: rows, accepted candidates, stored values, or whether a call went through. */
export interface Reach {
  readonly channel: Channel;
  readonly count: number;
  readonly of: number;
  /** It counts rows of the relation. */
  readonly rows: boolean;
  readonly unexpected: number;
  /** Names of candidates and forbidden updates that were accepted. */
  readonly accepted: readonly string[];
  readonly unexpectedKeys: readonly string[];
}

/** On each channel that came to an answer. */
export function reachOf({
  channels,
}: {
  readonly channels: Readonly<Record<string, { readonly observation: Observation }>>;
}): readonly Reach[] {
  return Object.entries(channels).flatMap(([channel, { observation }]) => {
    const found = reached(observation);
    return found === undefined ? [] : [{ ...nothing, ...found, channel: channel as Channel }];
  });
}

/** How much more was reached: other rows in the place of declared ones count, although their number is the same. */
export function gainOf({
  before,
  after,
}: {
  readonly before: Reach | undefined;
  readonly after: Reach;
}): number {
  return Math.max(
    after.count - (before?.count ?? 0),
    after.unexpected - (before?.unexpected ?? 0),
    after.accepted.filter((name) => before?.accepted.includes(name) !== true).length,
  );
}

/** The relation has more rows, and as many as before, or more, are out of reach. */
export function grewWith(before: Reach, after: Reach): boolean {
  return after.of - after.count >= before.of - before.count;
}

const nothing = { rows: false, unexpected: 0, accepted: [], unexpectedKeys: [] };

function reached(seen: Observation): (Partial<Reach> & Pick<Reach, "count" | "of">) | undefined {
  switch (seen.kind) {
    case "rows":
      return rowsReached(seen);
    case "insert": {
      const accepted = acceptedOf(seen.attempts);
      return { count: accepted.length, of: seen.attempts.length, accepted };
    }
    case "assignment":
      return { count: seen.stored.length, of: seen.tried };
    case "call": {
      const answers = [seen.answer, ...seen.states.map(({ answer }) => answer)];
      return { count: answers.some(({ code }) => code === null) ? 1 : 0, of: 1 };
    }
    case "statement":
      return { count: seen.answer.code === null ? 1 : 0, of: 1 };
    case "failed":
    case "skipped":
      return undefined;
  }
}

/** The session state that reaches most counts. */
function rowsReached(seen: RowsObservation): Partial<Reach> & Pick<Reach, "count" | "of"> {
  const count = Math.max(seen.affected, ...seen.states.map(({ affected }) => affected));
  return {
    rows: true,
    count,
    of: seen.baseline.total,
    unexpected: Math.max(seen.unexpected, ...seen.states.map(({ unexpected = 0 }) => unexpected)),
    // Of no row anything is accepted.
    accepted: count === 0 ? [] : acceptedOf(seen.forbiddenUpdates),
    unexpectedKeys: seen.unexpectedKeys,
  };
}

function acceptedOf(attempts: readonly CandidateAttempt[]): readonly string[] {
  return attempts
    .filter(({ answer, putBack }) => answer.code === null && putBack !== true)
    .map(({ candidate }) => candidate.name);
}
