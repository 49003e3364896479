import { newRunId } from "../archive/id.ts";
import { now } from "../lib/clock.ts";
import type { Matrix } from "../model/matrix.ts";
import { dateSince, type Moment } from "../lib/moment.ts";
import type { RunFilters } from "../model/run.ts";
import type { Target } from "../model/target.ts";
import { run, type RunEvents, type RunOutcome } from "../run.ts";
import type { Environment } from "./environment.ts";
import { limiter } from "../lib/limiter.ts";
import type { Provenance } from "./provenance.ts";
import type { ReadySystem } from "./systems.ts";

/** What came of a system. */
export type Outcome =
  | ({ readonly kind: "proved"; readonly matrix: Matrix } & RunOutcome)
  | { readonly kind: "failed"; readonly matrix: Matrix; readonly error: unknown }
  /** The filters left none of its cells. */
  | { readonly kind: "not-asked"; readonly matrix: Matrix };

export interface Job {
  readonly startedAt: Moment;
  readonly filters: RunFilters;
  /** Systems at a time. */
  readonly atOnce: number;
  readonly logs: string;
  readonly provenance: Provenance;
  readonly environment: Environment;
  readonly events: RunEvents;
  /** Words that prove a matrix again. */
  readonly command: (file: string) => readonly string[];
  /** Targets that outlive their runs; `undefined`: none does. */
  readonly kept: Kept[] | undefined;
}

export type Kept = { readonly target: Target } & AsyncDisposable;

/** Some at a time; each outcome is handed on in the order of the systems, as soon as those before it have been. */
export async function proveAll(
  systems: readonly ReadySystem[],
  job: Job,
  deliver: (outcome: Outcome) => Promise<void>,
): Promise<void> {
  const { interrupted } = job.environment;
  const inTurn = limiter(job.atOnce);
  const running = systems.map((system) => inTurn(() => prove(system, job)));
  try {
    for (const one of running) {
      const outcome = await one;
      interrupted.throwIfAborted();
      await deliver(outcome);
    }
  } finally {
    await Promise.all(running);
  }
}

/** Never rejects: what fails is one system's outcome, and the others go on. */
async function prove(system: ReadySystem, job: Job): Promise<Outcome> {
  const { matrix } = system;
  if (system.preflighted.cells === 0) return { kind: "not-asked", matrix };
  try {
    job.environment.interrupted.throwIfAborted();
    return { kind: "proved", matrix, ...(await proveOne(system, job)) };
  } catch (error) {
    return { kind: "failed", matrix, error };
  }
}

async function proveOne(system: ReadySystem, job: Job): Promise<RunOutcome> {
  const { environment, startedAt, filters, logs, provenance, events, kept, command } = job;
  const { matrix, inputs, preflighted, origins } = system;
  const began = performance.now();
  const opened = await system.open();
  kept?.push(opened);
  try {
    const request = {
      id: newRunId(dateSince(startedAt, now())),
      startedAt,
      matrix,
      target: opened.target,
      inputs,
      origins,
      filters,
      logs,
      command: command(matrix.file),
      ...provenance,
      startMs: system.startMs + performance.now() - began,
      environment: environment.variables,
      interrupted: environment.interrupted,
    };
    return await run(request, events, preflighted);
  } finally {
    if (kept === undefined) await opened[Symbol.asyncDispose]();
  }
}
