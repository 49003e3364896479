import type { DatabaseAddress, ImageRecord } from "../../model/target.ts";
import { checkConfig, type GatewayConfig } from "../gateway/config.ts";
import type { RunningGateway } from "../gateway/server.ts";
import { copyDatabase } from "./copy.ts";
import type { Login, Order, ReadyPostgres } from "./protocol.ts";
import { withClient } from "./session.ts";
import { startSupervisor } from "./supervised.ts";

export interface ContainerOptions extends Order {
  /** Told what takes long: a pull, a start. */
  readonly say: (text: string) => void;
  /** Aborted: what was started so far is removed. */
  readonly interrupted: AbortSignal;
}

/** A Postgres in a container, with Supabase's roles, that is removed with the process that asked for it. */
export interface ContainerServer extends AsyncDisposable {
  readonly authenticator: Login;
  /** What its containers are made of. */
  readonly images: readonly ImageRecord[];
  readonly reused: boolean;
  readonly timings: ReadyPostgres["timings"];
  /**
   * A new database that is what the image made of its own, with Supabase's `auth` helpers.
   * @returns the superuser's way into it, and that of whoever applies a system's SQL
   * @throws {RowgateError} `container/prepare`
   */
  createDatabase(
    name: string,
  ): Promise<{ readonly superuser: DatabaseAddress; readonly applicant: DatabaseAddress }>;
  /** A PostgREST in a container of its own. @throws {RowgateError} `container/…` */
  startGateway(config: GatewayConfig): Promise<Pick<RunningGateway, "url" | "info" | "stop">>;
  /** Removes what was started, or hands on what is to stay; safe to call twice. @throws {RowgateError} `container/left-behind` */
  stop(): Promise<void>;
}

/**
 * Starts a Postgres in a container, or takes one that an earlier run has left.
 * @throws {RowgateError} `container/…`, after everything that had been started has been removed
 */
export async function startContainers({
  say,
  interrupted,
  ...order
}: ContainerOptions): Promise<ContainerServer> {
  interrupted.throwIfAborted();
  const supervised = startSupervisor(order, say);
  const stop = (): void => void supervised.stop().catch(() => {});
  interrupted.addEventListener("abort", stop, { once: true });
  try {
    const ready = await supervised.ready;
    return {
      ...ready,
      createDatabase: (name) => createDatabase(ready, name),
      startGateway: async (config) => {
        checkConfig(config);
        return supervised.startGateway(config);
      },
      stop: supervised.stop,
      [Symbol.asyncDispose]: supervised.stop,
    };
  } catch (error) {
    const [left] = await Promise.allSettled([supervised.stop()]);
    interrupted.throwIfAborted();
    throw left.status === "rejected" ? new AggregateError([error, left.reason]) : error;
  } finally {
    interrupted.removeEventListener("abort", stop);
  }
}

async function createDatabase(
  { database, applicant }: ReadyPostgres,
  name: string,
): Promise<{ readonly superuser: DatabaseAddress; readonly applicant: DatabaseAddress }> {
  // Nobody may be in a database that is copied.
  await withClient({ ...database, database: "template1" }, (client) =>
    copyDatabase(client, database.database, name, applicant.user),
  );
  const superuser = { ...database, database: name };
  return { superuser, applicant: { ...superuser, ...applicant } };
}
