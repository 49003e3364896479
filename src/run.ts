import type { FinishedArchive } from "./archive/write.ts";
import { Control } from "./probe/sql/baseline.ts";
import { createTally } from "./judge/counts.ts";
import { now } from "./lib/clock.ts";
import { elapsed } from "./lib/moment.ts";
import { addressOf } from "./model/posture.ts";
import { refuseUnmatchedFilters } from "./plan/unmatched-filters.ts";
import { load } from "./run/1-load.ts";
import { inspect, type PreflightedRun } from "./run/2-inspect.ts";
import { type Closers, open, type OpenRun } from "./run/3-open.ts";
import { probe } from "./run/4-probe.ts";
import { createProofNotes, prove } from "./run/5-prove.ts";
import { close, type Probed } from "./run/6-close.ts";
import { archiveOrigins, causeFinder } from "./run/causes.ts";
import { type EscalationSearch, openSearch } from "./run/escalate.ts";
import { HeldBack } from "./run/held-back.ts";
import { type TriedArguments, tryArguments } from "./run/other-arguments.ts";
import { recordCell, recordContext } from "./run/record.ts";
import { gatewayOf, type PreflightRequest, type RunEvents, type RunRequest } from "./run/request.ts";
import { forEachChunk } from "./run/workers.ts";

export type { GatewayFacts, RunEvents, RunRequest } from "./run/request.ts";
export type { PreflightedRun } from "./run/2-inspect.ts";

/** What `run.json` says, and the archive's folder. */
export type RunOutcome = FinishedArchive;

/** Stages 1 and 2 by themselves, so that several runs can be held until all of them may begin. @throws IssuesError `preflight/failed` */
export async function preflightRun(request: PreflightRequest): Promise<PreflightedRun> {
  const { matrix, filters, database, limits, gateway, known } = request;
  const began = performance.now();
  const privileged = await Control.open(database, limits);
  try {
    const inspected = await privileged.ask("while the matrix was compared with it", async (client) =>
      inspect(client, await load(client, matrix, gateway, { known }), filters),
    );
    return { ...inspected, milliseconds: performance.now() - began };
  } finally {
    await privileged.close();
  }
}

/**
 * Load → inspect → open → (probe → judge → archive, chunk by chunk) → close: one matrix against one target. What a person
 * reads is rendered from the archive.
 * @param preflighted what `preflightRun` found, where it was asked beforehand
 * @throws IssuesError `preflight/…` when the matrix does not fit the database; RowgateError when the harness cannot work
 */
export async function run(
  request: RunRequest,
  events: RunEvents = {},
  preflighted?: PreflightedRun,
): Promise<RunOutcome> {
  const { matrix, target, filters } = request;
  const database = addressOf(target);
  const plan =
    preflighted ??
    (await preflightRun({ matrix, filters, database, limits: target.limits, gateway: gatewayOf(target) }));
  events.planned?.(plan.cells);
  if (preflighted === undefined) refuseUnmatchedFilters(filters, [{ matrix, preflighted: plan }]);
  const began = now();
  const closers: Closers = [];
  try {
    const privileged = await Control.open(database, target.limits);
    closers.push(() => privileged.close());
    const opened = await open({ ...request, matrix: plan.matrix }, plan, privileged, closers);
    const tried = tryArguments(opened);
    const search = openSearch(opened, tried.over);
    closers.push(search.abandon, tried.abandon);
    const record = await close(opened, began, await probeAll(opened, events, { tried, search }));
    await archiveOrigins(opened);
    request.interrupted?.throwIfAborted();
    return await opened.archive.finish(record);
  } finally {
    // What broke first is what happened: closing after it adds nothing.
    for (const one of closers.toReversed()) await one().catch(() => undefined);
  }
}

/** What goes on beside the workers, where the target's database can be copied. */
interface Beside {
  readonly tried: TriedArguments;
  readonly search: EscalationSearch;
}

/** A stage between probing and judging takes the probed cells of a chunk, and returns them with what it adds. */
async function probeAll(opened: OpenRun, events: RunEvents, { tried, search }: Beside): Promise<Probed> {
  const { plan, channels, archive, request } = opened;
  const context = recordContext(opened);
  const withCause = causeFinder(opened);
  const tally = createTally();
  const notes = createProofNotes(plan);
  const held = new HeldBack({
    declared: tried.declared,
    prove: (probed, chunk) => prove(probed, chunk, opened),
    record: async (one, faults) => {
      request.interrupted?.throwIfAborted();
      const record = await withCause(one.cell, recordCell({ ...one, fault: faults.of(one.cell) }, context));
      notes.add(one, record.verdict);
      tally.add(record);
      events.cell?.(record, one.proof);
      await archive.cell(record);
    },
  });
  await tried.workersMayBegin;
  const began = now();
  const ended = AbortSignal.any([tried.failed, ...(request.interrupted ? [request.interrupted] : [])]);
  await forEachChunk(plan, channels.workers.length, ended, async (chunk, worker) =>
    held.add(chunk, await probe(chunk, channels.workers[worker] ?? [], opened)),
  );
  await held.release();
  const faults = await tried.declared;
  const { findings: others } = await tried.finish(elapsed(began, now()));
  const { findings, record } = await search.finish();
  return {
    tally,
    findings: [...notes.findings(), ...faults.findings, ...others, ...findings],
    escalation: record,
    proofs: notes.proofs(),
  };
}
