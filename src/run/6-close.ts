import { claimsLeftOut } from "../persona/supabase.ts";
import { exposedSchemasDiffer } from "../lint/exposed-schemas.ts";
import { defaultPrivilegesDiffer } from "../lint/default-privileges.ts";
import type { Tally } from "../judge/counts.ts";
import { exitCode } from "../judge/exit-code.ts";
import { type Finding, recordedFinding } from "../model/finding.ts";
import { expiredWaivers } from "./waivers.ts";
import type { Waiver } from "../model/matrix.ts";
import { postureRules, readsOnly } from "../model/posture.ts";
import { archiveVersion, type EscalationRecord, type RunRecord } from "../model/run.ts";
import { dateSince, dayOf, elapsed, type Moment, setBetween } from "../lib/moment.ts";
import type { ScratchRowRecord } from "../model/scratch-row.ts";
import { formatFunction, formatQualified } from "../lib/sql-text.ts";
import { now } from "../lib/clock.ts";
import type { Watched } from "../probe/traces.ts";
import type { OpenRun } from "./3-open.ts";
import { scratchRowFindings } from "./scratch-rows.ts";
import type { RunRequest } from "./request.ts";

type Record = Omit<RunRecord, "previous">;

/** What probing and proving came to. */
export interface Probed {
  readonly tally: Tally;
  readonly escalation: EscalationRecord;
  readonly findings: readonly Finding[];
  readonly proofs: RunRecord["proofs"];
}

interface Ending extends OpenRun {
  /** When probing was about to begin, and when everything was over. */
  readonly began: Moment;
  readonly ended: Moment;
}

/** Stage 5: removes what the run made, looks for what it left, and says what `run.json` holds; the archive links it to the run before. */
export async function close(run: OpenRun, began: Moment, probed: Probed): Promise<Record> {
  run.request.interrupted?.throwIfAborted();
  const rows = await run.channels.finish();
  const left = await run.traces.look();
  return runRecord({ ...run, began, ended: now() }, probed, rows, left);
}

function runRecord(ending: Ending, probed: Probed, rows: readonly ScratchRowRecord[], left: Watched): Record {
  const { request, plan, channels, began, since, ended } = ending;
  const { matrix, target } = request;
  const failOn = request.failOn ?? [];
  const findings = [
    ...plan.findings,
    ...claimsLeftOut(request.matrix.personas, request.target.issuer),
    ...exposedSchemasDiffer(request.api, matrix),
    ...defaultPrivilegesDiffer(request.captured, plan.catalog, matrix.exposes),
    ...probed.findings,
    ...left.findings,
    ...scratchRowFindings(rows),
    ...lateFindings(ending),
  ].map((finding) => recordedFinding(finding, failOn));
  const preflight = plan.milliseconds + elapsed(began, since);
  const probe = elapsed(since, ended);
  const counts = probed.tally.counts();
  return {
    archiveVersion,
    id: request.id,
    rowgate: request.version,
    startedAt: new Date(request.startedAt.wall).toISOString(),
    finishedAt: dateSince(request.startedAt, ended).toISOString(),
    gitCommit: request.gitCommit,
    matrix: { name: matrix.name, file: matrix.file },
    inputs: [{ path: matrix.file, sha256: matrix.sha256 }, ...request.inputs],
    target: {
      name: target.name,
      posture: target.posture,
      database: `${target.database.host}:${target.database.port}/${target.database.database}`,
      serverVersion: plan.catalog.serverVersion,
      rest: target.rest === undefined ? undefined : { url: target.rest.url, gateway: target.rest.gateway },
      containers: target.containers,
      ...(target.baseline && { baseline: target.baseline }),
      ...(target.issuer !== undefined && { issuer: target.issuer }),
      keyId: target.signingKey?.keyId,
      ...(postureRules[target.posture].shared && remoteFacts(target)),
    },
    filters: request.filters,
    command: request.command,
    ...(failOn.length > 0 && { failOn }),
    waivedRelations: [
      ...matrix.waivedRelations.map((one) => ({ relation: formatQualified(one), ...waiverOf(one) })),
      ...(matrix.waivedFunctions ?? []).map((one) => ({ relation: formatFunction(one), ...waiverOf(one) })),
    ],
    personas: matrix.personas.map(({ name, role, login, claims, settings }) => ({
      name,
      role,
      login,
      claims,
      settings,
    })),
    relations: [
      ...plan.work.map(({ spec }) => formatQualified(spec)),
      ...plan.functions.map(({ spec }) => formatFunction(spec)),
    ],
    gatewayChecks: channels.gatewayChecks,
    fingerprints: left.fingerprints,
    ...(rows.length > 0 && { rows }),
    findings,
    ...(probed.proofs && { proofs: probed.proofs }),
    escalation: probed.escalation,
    counts,
    roundTrips: channels.roundTrips(),
    timings: {
      start: request.startMs,
      preflight,
      probe,
      total: request.startMs + preflight + probe,
    },
    exitCode: exitCode(counts, findings),
  };
}

/** What a person wants to know of a target that rowgate has not started. */
function remoteFacts({ database, writes, override }: RunRequest["target"]): Partial<RunRecord["target"]> {
  const tls = database.host.startsWith("/") ? "socket" : (database.tls?.verify ?? "off");
  return {
    tls,
    writes,
    ...(override !== undefined && { override }),
  };
}

/** What only the end of a run can tell. */
function lateFindings({ request, channels, began, ended }: Ending): readonly Finding[] {
  const refused: Finding[] =
    channels.gatewayChecks !== undefined &&
    !channels.gatewayChecks.rollbackHonoured &&
    !readsOnly(request.target) &&
    request.target.writes !== "commit"
      ? [{ kind: "rollback-not-honoured", gateway: request.target.rest?.gateway.kind ?? "remote" }]
      : [];
  const silent: Finding[] = notProbed(request).map((reason) => ({ kind: "rest-not-probed", reason }));
  const expired = expiredWaivers(request.matrix, dayOf(request.startedAt));
  const { override } = request.target;
  const overridden: Finding[] =
    override === undefined ? [] : [{ kind: "production-override", because: override }];
  return [...clockWasSet(began, ended), ...overridden, ...refused, ...silent, ...expired];
}

function waiverOf({ reason, expires, at }: Waiver): Waiver {
  return { reason, expires, at };
}

/** Seconds; below it is how clocks are kept right. */
const worthTelling = 2;

function clockWasSet(began: Moment, ended: Moment): readonly Finding[] {
  const seconds = Math.round(setBetween(began, ended) / 1000);
  return Math.abs(seconds) < worthTelling ? [] : [{ kind: "clock-was-set", seconds }];
}

function notProbed({ matrix, target, filters }: RunRequest): readonly string[] {
  if (!filters.channels.includes("rest")) return [];
  if (!matrix.channels.includes("rest"))
    return [`direct channel only: no PostgREST (\`channels:\` in ${matrix.file})`];
  return target.rest === undefined ? ["the target has no PostgREST"] : [];
}
