import type { Cell } from "../../model/cell.ts";
import type { Identity } from "../../model/channel.ts";
import { RowgateError } from "../../model/errors.ts";
import type { Moment } from "../../lib/moment.ts";
import type { DatabaseAddress, Target } from "../../model/target.ts";
import { readsOnly } from "../../model/posture.ts";
import type { ScratchRows } from "../scratch/scratch-rows.ts";
import { askAnonymous } from "./verify/anonymous.ts";
import { harmlessCalls } from "./calls.ts";
import { Clients } from "./clients.ts";
import { HttpChannel, type RestChannel } from "./http-channel.ts";
import { ProbeFailure } from "./failure.ts";
import { checkGateway } from "./verify/gateway-checks.ts";
import { findPlaces } from "./verify/roles.ts";
import { checkSameDatabase } from "./verify/same-database.ts";
import { HttpClient } from "./http-client.ts";
import { PrivilegedConnection } from "./privileged.ts";
import { TokenTimes } from "./verify/tokens.ts";
import { Transport } from "./transport.ts";

export interface RestChannelOptions {
  readonly target: Target;
  /** By persona name. */
  readonly identities: ReadonlyMap<string, Identity>;
  /** When their tokens were signed. */
  readonly signedAt: Moment;
  /** The run's calls, for gateway checks that find no relation to ask for. */
  readonly calls?: () => readonly Cell[];
  /** A login with BYPASSRLS, for baseline queries. */
  readonly privileged: DatabaseAddress;
  /** Requests in flight at most. */
  readonly concurrency: number;
  /** Where the target says that writes may be committed: makes the rows for them, should the gateway undo none. */
  readonly scratchRows?: (() => Promise<ScratchRows>) | undefined;
}

/**
 * Opens the rest channel and checks the gateway; sends GETs only. What the checks found wrong is in
 * `gatewayChecks` and in the answer of every cell that it concerns.
 * @throws RowgateError `rest/no-gateway`, or `rest/control` when the privileged connection fails
 */
export async function openRestChannel(options: RestChannelOptions): Promise<RestChannel> {
  const { target, identities, concurrency } = options;
  const { rest } = target;
  if (rest === undefined) {
    throw new RowgateError({ code: "rest/no-gateway", message: `Target ${target.name} names no PostgREST.` });
  }
  const readOnly = readsOnly(target);
  const transport = new Transport({
    url: rest.url,
    connections: concurrency,
    timeoutMs: target.limits.requestTimeoutMs,
    ca: rest.ca,
    readOnly,
  });
  const privileged = new PrivilegedConnection(options.privileged, target.limits);
  const http = new HttpClient(transport, new TokenTimes(options.signedAt, [...identities.values()]));
  const clients = new Clients(rest, transport.fetch);
  try {
    const everybody = [...identities.values()];
    const roles = [...new Set(everybody.map(({ persona }) => persona.role))];
    const places = await findPlaces(privileged, target.schemas, roles);
    const { signingKey } = target;
    const calls = once(() => harmlessCalls(options.calls?.() ?? []));
    const checked = await checkGateway({
      clients,
      http,
      identities: everybody,
      places,
      calls,
      signingKey,
      concurrency,
      readOnly,
      honoursRollback: rest.honoursRollback,
      anonRole: rest.anonRole,
      anonymous:
        rest.gateway.kind === "remote"
          ? () => askAnonymous({ clients, http, privileged, target })
          : undefined,
      sameDatabase:
        // A gateway that rowgate started is in front of the database that rowgate named.
        rest.gateway.kind === "remote"
          ? (trusted) =>
              checkSameDatabase({
                clients,
                http,
                privileged,
                identities: trusted,
                places,
                calls,
                login: options.privileged.user,
                statementTimeoutMs: target.limits.statementTimeoutMs,
              })
          : undefined,
    });
    const commits = !readOnly && checked.distrust === undefined && checked.noWrites !== undefined;
    const scratchRows = commits ? await options.scratchRows?.() : undefined;
    return new HttpChannel({
      scratchRows,
      transport,
      privileged,
      http,
      clients,
      identities,
      checked,
      target,
      concurrency,
    });
  } catch (error) {
    await Promise.allSettled([transport.close(), privileged.close()]);
    if (!(error instanceof ProbeFailure)) throw error;
    throw new RowgateError({
      code: "rest/control",
      message: `The rest channel cannot be opened: ${error.message}`,
      cause: error,
    });
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
