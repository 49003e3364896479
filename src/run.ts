import { type FinishedArchive, openArchive } from "./archive/write.ts";
import { createRedactor, noRedaction, redactsByDefault } from "./archive/redact.ts";
import { Control } from "./channel/direct/control.ts";
import { now } from "./clock.ts";
import { channels as allChannels } from "./model/cell.ts";
import { RowgateError } from "./model/errors.ts";
import { elapsed } from "./model/moment.ts";
import { addressOf } from "./model/posture.ts";
import type { Matrix } from "./model/matrix.ts";
import type { RunFilters } from "./model/run.ts";
import { channelsOf } from "./plan/channels.ts";
import { filterOf } from "./plan/filters.ts";
import { openChannels } from "./run/channels.ts";
import { closeRun } from "./run/close.ts";
import { signIn } from "./run/identities.ts";
import { type PreflightedRun, preflightRun } from "./run/preflight.ts";
import { probeAll } from "./run/probing.ts";
import type { RunEvents, RunRequest } from "./run/request.ts";
import { secretsOf } from "./run/secrets.ts";
import { watchTraces } from "./run/traces.ts";

export type { GatewayFacts, RunEvents, RunRequest } from "./run/request.ts";

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
  const gateway = target.rest && { login: target.rest.login, schemas: target.schemas };
  const prepared = preflighted ?? (await preflightRun({ matrix, filters, database, limits, gateway }));
  events.planned?.(prepared.cells);
  if (prepared.cells === 0) throw nothingToProbe(filters, [matrix]);
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
    const identities = signIn(request, prepared.settings, signedAt);
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

/** No cell of any of these matrices was asked for: a typo, most likely, and certainly no PASS. */
export function nothingToProbe(filters: RunFilters, matrices: readonly Matrix[]): RowgateError {
  const [matrix] = matrices;
  const asked = [
    ...filters.only.map((one) => `--only ${one}`),
    ...filters.personas.map((one) => `--persona ${one}`),
    ...(filters.channels.length < allChannels.length
      ? filters.channels.map((one) => `--channel ${one}`)
      : []),
  ];
  return new RowgateError({
    code: "run/nothing-to-probe",
    message: `No cell of ${matrices.length === 1 ? "the matrix" : "the matrices"} ${matrices.map(({ name }) => name).join(", ")} matches ${asked.join(" ") || "what was asked"}.`,
    hint: `cells are named <persona>/<schema>.<relation>/<operation> or <persona>/<schema>.<function>/execute, as in ${matrix?.personas[0]?.name ?? "anon"}/${matrix?.schema ?? "public"}.${matrix?.relations[0]?.name ?? "courses"}/select`,
  });
}
