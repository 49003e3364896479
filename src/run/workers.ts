import type { Persona } from "../model/matrix.ts";
import type { Plan, Work } from "../plan/plan.ts";

/** What goes through the stages at once: some personas on one relation or function. */
export interface Chunk {
  readonly work: Work;
  readonly personas: readonly Persona[];
  /** Aborted when the run is interrupted, or another worker has failed. */
  readonly interrupted: AbortSignal;
}

/** The cells of one chunk are in memory, whatever the matrix holds. */
const personasAtOnce = 100;

/**
 * Hands every chunk of a plan to some workers. A relation is one worker's alone, so that its probes do not wait for each
 * other's locks. A worker that fails ends the others, and all of them are waited for: none writes into an abandoned archive.
 */
export async function forEachChunk(
  { matrix, work, functions }: Plan,
  workers: number,
  interrupted: AbortSignal | undefined,
  handle: (chunk: Chunk, worker: number) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const over = AbortSignal.any([failed.signal, ...(interrupted ? [interrupted] : [])]);
  const queue = [...work, ...functions].values();
  const chunksOf = async (worker: number): Promise<void> => {
    for (const next of queue) {
      for (let from = 0; from < matrix.personas.length; from += personasAtOnce) {
        over.throwIfAborted();
        const personas = matrix.personas.slice(from, from + personasAtOnce);
        await handle({ work: next, personas, interrupted: over }, worker);
      }
    }
  };
  await Promise.all(
    Array.from({ length: workers }, (_, worker) =>
      chunksOf(worker).catch((error: unknown) => failed.abort(error)),
    ),
  );
  failed.signal.throwIfAborted();
}
