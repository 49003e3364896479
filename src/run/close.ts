import type { Tally } from "../judge/counts.ts";
import { exitCode } from "../judge/exit-code.ts";
import type { Finding } from "../model/finding.ts";
import { postureRules, readsOnly } from "../model/posture.ts";
import { archiveVersion, type RunRecord } from "../model/run.ts";
import { dateSince, dayOf, elapsed, type Moment, setBetween } from "../lib/moment.ts";
import type { ScratchRowRecord } from "../model/scratch-row.ts";
import { formatFunction, formatQualified } from "../lib/sql-text.ts";
import type { OpenChannels } from "./channels.ts";
import { ownRowFindings } from "./scratch-rows.ts";
import type { Preparation } from "./preparation.ts";
import type { RunRequest } from "./request.ts";
import type { Watched } from "./watch.ts";

export interface CloseInput {
  readonly request: RunRequest;
  readonly prepared: Preparation;
  readonly channels: OpenChannels;
  readonly tally: Tally;
  /** Rows that it made where nothing is rolled back. */
  readonly rows: readonly ScratchRowRecord[];
  /** What the run left of what it found. */
  readonly left: Watched;
  readonly times: {
    readonly began: Moment;
    readonly probing: Moment;
    readonly ended: Moment;
    /** Milliseconds before probing. */
    readonly preflight: number;
  };
}

/** What `run.json` says of a run that has probed everything; the archive links it to the run before. */
export function closeRun(input: CloseInput): Omit<RunRecord, "previous"> {
  const { request, prepared, channels, tally, rows, left, times } = input;
  const { matrix, target } = request;
  const findings = [...prepared.findings, ...left.findings, ...ownRowFindings(rows), ...lateFindings(input)];
  const probe = elapsed(times.probing, times.ended);
  const counts = tally.counts();
  return {
    archiveVersion,
    id: request.id,
    rowgate: request.version,
    startedAt: new Date(request.startedAt.wall).toISOString(),
    finishedAt: dateSince(request.startedAt, times.ended).toISOString(),
    gitCommit: request.gitCommit,
    matrix: { name: matrix.name, file: matrix.file },
    inputs: [{ path: matrix.file, sha256: matrix.sha256 }, ...request.inputs],
    target: {
      name: target.name,
      posture: target.posture,
      database: `${target.database.host}:${target.database.port}/${target.database.database}`,
      serverVersion: prepared.catalog.serverVersion,
      rest: target.rest === undefined ? undefined : { url: target.rest.url, gateway: target.rest.gateway },
      containers: target.containers,
      keyId: target.signingKey?.keyId,
      ...(postureRules[target.posture].shared && remoteFacts(target)),
    },
    filters: request.filters,
    personas: matrix.personas.map(({ name, role, login, claims, settings }) => ({
      name,
      role,
      login,
      claims,
      settings,
    })),
    relations: [
      ...prepared.work.map(({ spec }) => formatQualified(spec)),
      ...prepared.functions.map(({ spec }) => formatFunction(spec)),
    ],
    gatewayChecks: channels.handshake,
    fingerprints: left.fingerprints,
    ...(rows.length > 0 && { rows }),
    findings,
    counts,
    roundTrips: channels.roundTrips(),
    timings: {
      start: request.startMs,
      preflight: times.preflight,
      probe,
      total: request.startMs + times.preflight + probe,
    },
    exitCode: exitCode(counts, findings),
  };
}

/** What a person wants to know of a target that rowgate has not started. */
function remoteFacts({
  database,
  writes,
  override,
  issuer,
}: RunRequest["target"]): Partial<RunRecord["target"]> {
  const tls = database.host.startsWith("/") ? "socket" : (database.tls?.verify ?? "off");
  return {
    tls,
    writes,
    ...(issuer !== undefined && { issuer }),
    ...(override !== undefined && { override }),
  };
}

/** What only the end of a run can tell. */
function lateFindings({ request, channels, times }: CloseInput): readonly Finding[] {
  const refused: Finding[] =
    channels.handshake !== undefined &&
    !channels.handshake.rollbackHonoured &&
    !readsOnly(request.target) &&
    request.target.writes !== "commit"
      ? [{ kind: "rollback-not-honoured", gateway: request.target.rest?.gateway.kind ?? "remote" }]
      : [];
  const silent: Finding[] = notProbed(request).map((reason) => ({ kind: "rest-not-probed", reason }));
  const day = dayOf(request.startedAt);
  const waivers = [
    ...request.matrix.waivedRelations.map((one) => ({ waiver: one, cell: formatQualified(one) })),
    ...request.matrix.relations.flatMap((spec) =>
      spec.declarations.flatMap(({ waiver, persona, operation }) =>
        waiver === undefined ? [] : [{ waiver, cell: `${persona}/${formatQualified(spec)}/${operation}` }],
      ),
    ),
    ...request.matrix.functions.flatMap((spec) =>
      spec.declarations.flatMap(({ waiver, persona, operation }) =>
        waiver === undefined ? [] : [{ waiver, cell: `${persona}/${formatFunction(spec)}/${operation}` }],
      ),
    ),
  ];
  const expired = waivers
    .filter(({ waiver }) => waiver.expires < day)
    .map(
      ({ waiver, cell }): Finding => ({
        kind: "waiver-expired",
        cell,
        expires: waiver.expires,
        at: waiver.at,
      }),
    );
  const { override } = request.target;
  const overridden: Finding[] =
    override === undefined ? [] : [{ kind: "production-override", because: override }];
  return [...clockWasSet(times), ...overridden, ...refused, ...silent, ...expired];
}

/** Seconds; below it is how clocks are kept right. */
const worthTelling = 2;

function clockWasSet({ began, ended }: CloseInput["times"]): readonly Finding[] {
  const seconds = Math.round(setBetween(began, ended) / 1000);
  return Math.abs(seconds) < worthTelling ? [] : [{ kind: "clock-was-set", seconds }];
}

function notProbed({ matrix, target, filters }: RunRequest): readonly string[] {
  if (!filters.channels.includes("rest")) return [];
  if (!matrix.channels.includes("rest"))
    return [`direct channel only: no PostgREST (\`channels:\` in ${matrix.file})`];
  return target.rest === undefined ? ["the target has no PostgREST"] : [];
}
