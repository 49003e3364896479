import { openDirectChannel } from "../probe/sql/channel.ts";
import { openRestChannel } from "../probe/http/channel.ts";
import type { ChannelTrust } from "../judge/verdict.ts";
import type { Channel } from "../model/cell.ts";
import type { Identity, ProbeChannel } from "../model/channel.ts";
import type { Moment } from "../lib/moment.ts";
import type { ScratchRowRecord } from "../model/scratch-row.ts";
import type { GatewayChecks } from "../model/run.ts";
import type { ExpandOptions } from "../plan/options.ts";
import { pastTheGateway } from "../plan/channels.ts";
import { addressOf } from "../model/posture.ts";
import { openOwnRows } from "./scratch-rows.ts";
import type { Preparation } from "./preparation.ts";
import type { RunRequest } from "./request.ts";
import { allCalls, cellsOfIdentity } from "./shown-cells.ts";

/** Connections that probe side by side; each relation is on one of them. */
const laneCount = 2;
/** Requests in flight through the gateway, all lanes together. */
const requestsAtOnce = 12;

export interface OpenChannels {
  /** Each lane's channels, in the order in which a chunk goes through them. */
  readonly lanes: readonly (readonly ProbeChannel[])[];
  readonly handshake: GatewayChecks | undefined;
  readonly trust: Readonly<Record<Channel, Omit<ChannelTrust, "channel">>>;
  /** Removes rows that were made where nothing is rolled back, and says what became of them. */
  finish(): Promise<readonly ScratchRowRecord[]>;
  roundTrips(): { readonly direct: number; readonly rest: number };
  close(): Promise<void>;
}

export interface OpenInput {
  readonly request: RunRequest;
  readonly identities: ReadonlyMap<string, Identity>;
  /** When their tokens were signed. */
  readonly signedAt: Moment;
  readonly prepared: Preparation;
  readonly options: Omit<ExpandOptions, "visible">;
}

export async function openChannels(input: OpenInput): Promise<OpenChannels> {
  const { request, identities, options, prepared } = input;
  const inForce = prepared.settings;
  const home = prepared.catalog.login;
  const { target } = request;
  const opened: ProbeChannel[] = [];
  const close = async (): Promise<void> => {
    await Promise.allSettled(opened.map((channel) => channel.close()));
  };
  try {
    const { work, functions } = input.prepared;
    // Rows that a run makes for a while would be among those that another lane counts.
    const most = target.writes === "commit" ? 1 : laneCount;
    const count = Math.min(most, Math.max(1, work.length + functions.length));
    const direct = options.channels.includes("direct")
      ? await Promise.all(
          Array.from({ length: count }, () => openDirectChannel({ target, identities, inForce, home })),
        )
      : [];
    opened.push(...direct);
    const speaks = options.channels.includes("rest") && target.rest !== undefined;
    // Who logs in past the gateway, or is known by settings that no request carries, is nobody there.
    const sendable = new Map(
      [...identities].filter(([, { persona }]) => pastTheGateway(persona) === undefined),
    );
    const rest = speaks
      ? await openRestChannel({
          target,
          identities: sendable,
          signedAt: input.signedAt,
          sight: addressOf(target),
          calls: () => allCalls(input),
          concurrency: requestsAtOnce,
          ownRows: target.writes === "commit" ? () => openOwnRows(request) : undefined,
        })
      : undefined;
    if (rest !== undefined) opened.push(rest);
    const shown = await rest?.showIdentity(cellsOfIdentity(input));
    return {
      lanes: Array.from({ length: count }, (_, index) =>
        [direct[index], rest].filter((one) => one !== undefined),
      ),
      handshake: rest === undefined ? undefined : { ...rest.handshake, identityShown: shown },
      finish: async () => (await rest?.finish()) ?? [],
      trust: {
        direct: { identityShown: true },
        rest: { identityShown: shown === true },
      },
      roundTrips: () => ({
        direct: direct.reduce((sum, channel) => sum + channel.roundTrips, 0),
        rest: rest?.roundTrips ?? 0,
      }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
