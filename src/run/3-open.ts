import { createRedactor, noRedaction } from "../archive/redact.ts";
import { secretsOf } from "../archive/scrub.ts";
import { type ArchiveWriter, openArchive } from "../archive/write.ts";
import { type DirectChannel, openDirectChannel } from "../probe/sql/channel.ts";
import { openRestChannel } from "../probe/http/channel.ts";
import type { Control } from "../probe/sql/baseline.ts";
import { sessionRules, type SessionRules } from "../probe/sessions.ts";
import { type Traces, watchTraces } from "../probe/traces.ts";
import type { ChannelTrust } from "../judge/verdict.ts";
import { now } from "../lib/clock.ts";
import { once } from "../lib/once.ts";
import { Turns } from "../lib/turns.ts";
import type { Channel } from "../model/cell.ts";
import type { Identity, ProbeChannel } from "../model/channel.ts";
import type { Moment } from "../lib/moment.ts";
import type { ScratchRowRecord } from "../model/scratch-row.ts";
import type { GatewayChecks } from "../model/run.ts";
import { addressOf, postureRules } from "../model/posture.ts";
import { signIn } from "../persona/sign-in.ts";
import { channelsOf, pastTheGateway } from "../plan/channels.ts";
import { filterOf } from "../plan/filters.ts";
import { allCalls, type CellOptions, cellsOfIdentity } from "../plan/plan.ts";
import type { PreflightedRun } from "./2-inspect.ts";
import { gatewayOf, type RunRequest } from "./request.ts";
import { openProof } from "./open-proof.ts";
import type { Prover } from "../prove/prover.ts";
import { openScratchRows } from "./scratch-rows.ts";

/** Connections that probe side by side; each relation is on one of them. */
const workerCount = 2;
/** Requests in flight through the gateway, all workers together. */
const requestsAtOnce = 12;

/** Everything that a run has open while it probes. */
export interface OpenRun {
  readonly request: RunRequest;
  readonly plan: PreflightedRun;
  readonly options: CellOptions;
  readonly identities: ReadonlyMap<string, Identity>;
  /** What makes a session a persona's: the same for the direct channel, the proof and the search for causes. */
  readonly sessions: SessionRules;
  /** The privileged connection. */
  readonly privileged: Control;
  readonly archive: ArchiveWriter;
  readonly traces: Traces;
  readonly channels: OpenChannels;
  /** `undefined`: nothing is proved for all rows here. */
  readonly prover: Prover | undefined;
  /** Of the proof, and of probes: rows that the one puts in keep the others waiting. */
  readonly turns: Turns;
  /** When the first channel was opened. */
  readonly since: Moment;
}

export interface OpenChannels {
  /** The channels of each worker, in the order in which a chunk goes through them. */
  readonly workers: readonly (readonly ProbeChannel[])[];
  /** A direct channel besides, for probes of rows that the data lacks: opened when it is first used, by one user at a time. */
  readonly spare: <T>(use: (channel: DirectChannel) => Promise<T>) => Promise<T>;
  readonly gatewayChecks: GatewayChecks | undefined;
  readonly trust: Readonly<Record<Channel, Omit<ChannelTrust, "channel">>>;
  /** Removes scratch rows, which are made where nothing is rolled back, and says what became of them. */
  finish(): Promise<readonly ScratchRowRecord[]>;
  roundTrips(): { readonly direct: number; readonly rest: number };
}

/** What must be closed or removed however the run ends, the newest last. */
export type Closers = (() => Promise<unknown>)[];

/** Stage 3: signs the personas in, begins the archive, and opens the channels. @throws RowgateError */
export async function open(
  request: RunRequest,
  plan: PreflightedRun,
  privileged: Control,
  closers: Closers,
): Promise<OpenRun> {
  const { matrix, target, filters } = request;
  const options: CellOptions = {
    channels: channelsOf(matrix, filters.channels),
    exposed: gatewayOf(target)?.schemas ?? [],
    wants: filterOf(filters),
  };
  const signedAt = now();
  const identities = signIn(request, plan.settings, signedAt, plan.cells);
  const sessions = sessionRules({
    identities,
    inForce: plan.settings,
    gateway: target.rest !== undefined,
    home: plan.catalog.login.name,
  });
  const archive = await openArchive(request.logs, request.id, new Date(request.startedAt.wall), {
    secrets: secretsOf(target, [...identities.values()]),
    signer: request.signer,
    chainOrigin: request.chainOrigin,
    redact: postureRules[target.posture].redacts ? createRedactor(matrix.personas) : noRedaction,
  });
  closers.push(() => archive.abandon());
  await archive.catalog(plan.catalog);
  const traces = await watchTraces(privileged, plan, target);
  const since = now();
  const turns = new Turns();
  const channels = await openChannels(
    { request, plan, options, identities, sessions, signedAt, turns },
    closers,
  );
  const prover = await openProof(request, identities, closers, { turns });
  return {
    request,
    plan,
    options,
    identities,
    sessions,
    privileged,
    archive,
    traces,
    channels,
    prover,
    turns,
    since,
  };
}

interface OpenInput extends Pick<
  OpenRun,
  "request" | "plan" | "options" | "identities" | "sessions" | "turns"
> {
  /** When the tokens were signed. */
  readonly signedAt: Moment;
}

async function openChannels(input: OpenInput, closers: Closers): Promise<OpenChannels> {
  const { request, options, plan } = input;
  // Scratch rows would be among those that another worker counts.
  const most = request.target.writes === "commit" ? 1 : workerCount;
  const count = Math.min(most, Math.max(1, plan.work.length + plan.functions.length));
  const direct = await openDirect(input, options.channels.includes("direct") ? count : 0, closers);
  const rest = await openRest(input);
  if (rest !== undefined) closers.push(() => rest.close());
  const shown = await rest?.showIdentity(cellsOfIdentity(plan, options));
  return {
    workers: Array.from({ length: count }, (_, index) =>
      [direct[index], rest].filter((one) => one !== undefined),
    ),
    spare: inTurn(
      once(() => openOne(input, closers)),
      input.turns,
    ),
    gatewayChecks: rest === undefined ? undefined : { ...rest.gatewayChecks, identityShown: shown },
    finish: async () => (await rest?.finish()) ?? [],
    trust: {
      direct: { identityShown: true },
      // A gateway that rowgate has started passes on the claims that it is sent; another one must show it.
      rest: { identityShown: shown ?? request.target.rest?.gateway.kind !== "remote" },
    },
    roundTrips: () => ({
      direct: direct.reduce((sum, channel) => sum + channel.roundTrips, 0),
      rest: rest?.roundTrips ?? 0,
    }),
  };
}

function openDirect(input: OpenInput, count: number, closers: Closers): Promise<readonly ProbeChannel[]> {
  return Promise.all(Array.from({ length: count }, () => openOne(input, closers)));
}

function inTurn<C>(channel: () => Promise<C>, turns: Turns): <T>(use: (one: C) => Promise<T>) => Promise<T> {
  let before: Promise<unknown> = Promise.resolve();
  return (use) => {
    const used = before.then(channel).then((one) => turns.shared(() => use(one)));
    before = used.catch(() => undefined);
    return used;
  };
}

async function openOne(
  { request: { target }, sessions, plan }: OpenInput,
  closers: Closers,
): Promise<DirectChannel> {
  const channel = await openDirectChannel({ target, sessions, home: plan.catalog.login });
  closers.push(() => channel.close());
  return channel;
}

async function openRest({
  request,
  identities,
  plan,
  options,
  signedAt,
}: OpenInput): Promise<Awaited<ReturnType<typeof openRestChannel>> | undefined> {
  const { target } = request;
  if (!options.channels.includes("rest") || target.rest === undefined) return undefined;
  return openRestChannel({
    target,
    // The gateway does not know personas that log in past it, or that are known by settings which no request carries.
    identities: new Map([...identities].filter(([, { persona }]) => pastTheGateway(persona) === undefined)),
    signedAt,
    privileged: addressOf(target),
    calls: () => allCalls(plan, options),
    concurrency: requestsAtOnce,
    scratchRows: target.writes === "commit" ? () => openScratchRows(request) : undefined,
  });
}
