import type { DatabaseAddress, GatewayInfo, ImageRecord } from "../../model/target.ts";
import { type Child, startChild } from "../child.ts";
import { checkConfig, type GatewayConfig } from "../gateway/config.ts";
import type { RunningGateway } from "../gateway/server.ts";
import { RowgateError } from "../../model/errors.ts";
import { copyDatabase, type Login, withClient } from "./database.ts";

/**
 * The images of a container target by default: the major version of the embedded target, and the
 * PostgREST that the builtin gateway was measured against.
 */
export const defaultImages: { readonly postgres: string; readonly postgrest: string } = {
  postgres: "postgres:17",
  postgrest: "postgrest/postgrest:v16.2",
};

/** What is started, and on which images. */
export interface ImageNames {
  readonly postgresImage: string;
  /** `undefined`: no gateway will be asked for, and none is looked for. */
  readonly postgrestImage: string | undefined;
}

export interface ContainerSettings extends ImageNames {
  /** Use a Postgres that an earlier run has left, and leave this one. */
  readonly reuse: boolean;
}

/** What the supervisor can be asked for later. */
export type ContainerRequest =
  /** The supervisor puts the address within the containers' network in place of the database's. */
  | { readonly kind: "start-gateway"; readonly id: number; readonly config: GatewayConfig }
  | { readonly kind: "stop-gateway"; readonly id: number };

/** What takes long enough to be reported. */
export interface Progress {
  readonly text: string;
}

export interface StartedGateway {
  readonly url: string;
  readonly info: GatewayInfo;
}

/** A Postgres that accepts connections, with Supabase's roles and `auth` helpers. */
export interface ReadyPostgres {
  /** The superuser, in the database that the image made for itself: what systems are copied from. */
  readonly database: DatabaseAddress;
  /** Who applies a system's SQL: the superuser, or the role that Supabase's image has for it. */
  readonly applicant: Login;
  readonly authenticator: Login;
  readonly images: readonly ImageRecord[];
  /** Whether an earlier run had started it. */
  readonly reused: boolean;
  /** Milliseconds: images looked for or pulled; Postgres started and prepared. */
  readonly timings: { readonly images: number; readonly start: number };
}

export interface ContainerOptions extends ContainerSettings {
  /** Called with what takes long: a pull, a start. */
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
   * A new database as a copy of the image's own, with Supabase's `auth` helpers.
   * @returns the addresses of its superuser and of the role that applies a system's SQL
   * @throws {RowgateError} `container/prepare`
   */
  createDatabase(
    name: string,
  ): Promise<{ readonly superuser: DatabaseAddress; readonly applicant: DatabaseAddress }>;
  /** A PostgREST in a separate container. @throws {RowgateError} `container/…` */
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
  ...settings
}: ContainerOptions): Promise<ContainerServer> {
  interrupted.throwIfAborted();
  const child = startChild<ReadyPostgres, Progress>(supervisor, settings, ({ text }) => say(text));
  const stop = async (): Promise<void> => removeAll(child);
  const stopNow = (): void => void stop().catch(() => {});
  interrupted.addEventListener("abort", stopNow, { once: true });
  try {
    const ready = await child.ready;
    return {
      ...ready,
      createDatabase: (name) => createDatabase(ready, name),
      startGateway: gatewayStarter(child),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    const [left] = await Promise.allSettled([stop()]);
    interrupted.throwIfAborted();
    throw left.status === "rejected" ? new AggregateError([error, left.reason]) : error;
  } finally {
    interrupted.removeEventListener("abort", stopNow);
  }
}

const supervisor = {
  file: "containers/supervisor.js",
  area: "container",
  what: "the containers",
  // What Node, the engine's protocol and the registries' credential helpers need.
  environment:
    /^(PATH|HOME|USERPROFILE|TMPDIR|TEMP|TMP|SystemRoot|XDG_RUNTIME_DIR|SSH_AUTH_SOCK|LD_LIBRARY_PATH|RYUK_.*|DOCKER_.*|TESTCONTAINERS_.*)$/,
  // Removing a container waits for the engine, which may be busy.
  stopMs: 90_000,
} as const;

async function removeAll(child: Child<ReadyPostgres>): Promise<void> {
  const exit = await child.stop();
  if (exit?.code === 0) return;
  throw new RowgateError({
    code: "container/left-behind",
    message: "the containers of this run could not be removed",
    details: exit?.stderr,
    hint: "docker ps --all --filter label=rowgate.session lists them; the next run on this machine removes them",
  });
}

function gatewayStarter(child: Child<ReadyPostgres>): ContainerServer["startGateway"] {
  let gateways = 0;
  const request = <Answer>(one: ContainerRequest): Promise<Answer> => child.request<Answer>(one);
  return async (config) => {
    checkConfig(config);
    const id = (gateways += 1);
    const { url, info } = await request<StartedGateway>({ kind: "start-gateway", id, config });
    const stop = async (): Promise<void> =>
      request<void>({ kind: "stop-gateway", id }).catch(() => undefined);
    return { url, info, stop };
  };
}

async function createDatabase(
  { database, applicant }: ReadyPostgres,
  name: string,
): Promise<{ readonly superuser: DatabaseAddress; readonly applicant: DatabaseAddress }> {
  // A database that is copied may have no sessions.
  await withClient({ ...database, database: "template1" }, (client) =>
    copyDatabase(client, database.database, name, applicant.user),
  );
  const superuser = { ...database, database: name };
  return { superuser, applicant: { ...superuser, ...applicant } };
}
