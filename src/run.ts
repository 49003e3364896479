import { type FinishedArchive, openArchive } from "./archive/write.ts";
import { createRedactor, noRedaction, redactsByDefault } from "./archive/redact.ts";
import { Control } from "./probe/sql/baseline.ts";
import { now } from "./lib/clock.ts";
import { elapsed } from "./lib/moment.ts";
import { addressOf } from "./model/posture.ts";
import { channelsOf } from "./plan/channels.ts";
import { filterOf } from "./plan/filters.ts";
import { openChannels } from "./run/channels.ts";
import { closeRun } from "./run/close.ts";
import { signIn } from "./run/identities.ts";
import { refuseIdleFilters } from "./run/unmatched-filters.ts";
import { type PreflightedRun, preflightRun } from "./run/preflight.ts";
import { probeAll } from "./run/probing.ts";
import { gatewayOf, type RunEvents, type RunRequest } from "./run/request.ts";
import { secretsOf } from "./run/secrets.ts";
import { watchTraces } from "./run/traces.ts";

export type { GatewayFacts, RunEvents, RunRequest } from "./run/request.ts";

export { refuseIdleFilters } from "./run/unmatched-filters.ts";
export { preflightRun } from "./run/preflight.ts";
export type { PreflightedRun } from "./run/preflight.ts";

/** What `run.json` says, and the archive's folder. */
export type RunOutcome = FinishedArchive;

/**
 * Load → plan → probe → judge → archive: one matrix against one target. What a person reads is rendered from the archive.
 * @param preflighted what `preflightRun` found, where it was asked beforehand
 * @throws IssuesError `preflight/…` when the matrix does not fit the database; RowgateError when the harness cannot work
 */
export async function run(
  request: RunRequest,
  events: RunEvents = {},
  preflighted?: PreflightedRun,
): Promise<RunOutcome> {
  const { matrix, target, filters } = request;
  const { limits } = target;
  const database = addressOf(target);
  const gateway = gatewayOf(target);
  const prepared = preflighted ?? (await preflightRun({ matrix, filters, database, limits, gateway }));
  events.planned?.(prepared.cells);
  if (preflighted === undefined) refuseIdleFilters(filters, [{ matrix, preflighted: prepared }]);
  const began = now();
  const control = await Control.open(database, limits);
  let archive: Awaited<ReturnType<typeof openArchive>> | undefined;
  let channels: Awaited<ReturnType<typeof openChannels>> | undefined;
  try {
    const options = {
      channels: channelsOf(matrix, filters.channels),
      exposed: gateway?.schemas ?? [],
      wants: filterOf(filters),
    };
    const signedAt = now();
    const identities = signIn(request, prepared.settings, signedAt, prepared.cells);
    const redact = redactsByDefault[target.posture] ? createRedactor(matrix.personas) : noRedaction;
    archive = await openArchive(request.logs, request.id, new Date(request.startedAt.wall), {
      secrets: secretsOf(target, [...identities.values()]),
      redact,
    });
    await archive.catalog(prepared.catalog);
    const traces = await watchTraces(control, prepared, target);
    const probing = now();
    channels = await openChannels({ request, identities, signedAt, prepared, options });
    const tally = await probeAll({
      request,
      prepared,
      channels,
      identities,
      options,
      archive,
      control,
      traces,
      events,
    });
    request.interrupted?.throwIfAborted();
    const rows = await channels.finish();
    const record = closeRun({
      request,
      prepared,
      channels,
      tally,
      rows,
      left: await traces.look(),
      times: { began, probing, preflight: prepared.milliseconds + elapsed(began, probing), ended: now() },
    });
    request.interrupted?.throwIfAborted();
    return await archive.finish(record);
  } catch (error) {
    await archive?.abandon();
    throw error;
  } finally {
    await channels?.close();
    await control.close();
  }
}
