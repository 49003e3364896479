import { type ArgumentFaults, varyArguments } from "./arguments.ts";
import type { OpenRun } from "./3-open.ts";

/** Milliseconds that what the matrix does not declare has at least; else it has as long as the probing took. */
const leastMs = 5_000;

/** Calls with other arguments, and columns that are tried, under way. */
export interface TriedArguments {
  /** What the matrix declares: it belongs to cells. */
  readonly declared: Promise<ArgumentFaults>;
  /** Aborted when that has failed: there is nothing to probe any more. */
  readonly failed: AbortSignal;
  /** Over when the workers may begin. */
  readonly workersMayBegin: Promise<unknown>;
  /** The rest, once the workers are through. @param probedMs as long as they took */
  finish(probedMs: number): Promise<ArgumentFaults>;
  /** Settles when nothing is asked on the copy any more, or the run has failed. */
  readonly over: Promise<unknown>;
  abandon(): Promise<void>;
}

/**
 * On a copy of the database everything is tried beside the workers. On the database itself it is not: calls and probes would wait for
 * each other's locks, and a function that skips locked rows, or catches an error, would answer otherwise. There, what is declared comes
 * before the workers, and the rest after them, so that slow functions do not delay the verdicts.
 */
export function tryArguments(run: OpenRun): TriedArguments {
  const [failed, abandoned] = [new AbortController(), new AbortController()];
  const { copy, interrupted } = run.request;
  const stopped = AbortSignal.any([abandoned.signal, ...(interrupted ? [interrupted] : [])]);
  let probedMs: number | undefined;
  const declared = varyArguments(run, "declared", { stopped });
  declared.catch((error: unknown) => {
    failed.abort(error);
  });
  const undeclared = (): Promise<ArgumentFaults> => {
    const began = performance.now();
    const endsAt = (): number =>
      probedMs === undefined ? Number.POSITIVE_INFINITY : began + Math.max(leastMs, probedMs);
    return varyArguments(run, "undeclared", { endsAt, stopped });
  };
  const beside = copy === undefined ? undefined : declared.then(undeclared);
  beside?.catch(() => {});
  return {
    declared,
    failed: failed.signal,
    workersMayBegin: copy === undefined ? declared : Promise.resolve(),
    finish: (ms) => {
      probedMs = ms;
      return beside ?? undeclared();
    },
    over: beside ?? declared,
    abandon: async () => {
      abandoned.abort();
      await Promise.allSettled([declared, beside]);
    },
  };
}
