import { RowgateError } from "../../model/errors.ts";
import { startChild } from "../child.ts";
import { reap } from "./processes.ts";

export interface EmbeddedTimings {
  /** Milliseconds: making the directory and bringing the binaries into it. */
  readonly prepare: number;
  readonly initdb: number;
  /** From the first try of a port to a server that accepts connections. */
  readonly start: number;
}

/** What the supervisor is started with. */
export interface ServerSettings {
  /** Folder with `bin/`, `lib/` and `share/` of Postgres. */
  readonly native: string;
  /** It is the machine's own Postgres, which runs only where it lies. */
  readonly installed: boolean;
  /** Whether stand-ins for extensions that it lacks are added to a copy of it. */
  readonly standIns: boolean;
  /** Where the private directory is made; empty: chosen by the supervisor. */
  readonly tempRoots: readonly string[];
  /** Name of the bootstrap superuser. */
  readonly superuser: string;
  /** Server settings on top of the throwaway ones. */
  readonly settings: Readonly<Record<string, string>>;
}

/** The supervisor's first message: what is to be removed when it is killed. */
export interface ServerDirectory {
  readonly directory: string;
}

export interface ReadyServer {
  readonly port: number;
  readonly password: string;
  readonly timings: EmbeddedTimings;
}

const supervisor = {
  file: "postgres/supervisor.js",
  area: "embedded",
  what: "the embedded Postgres",
  // What Node and the choice of a temporary folder need; PGDATA and its like would change the server.
  environment: /^(PATH|TMPDIR|TEMP|TMP|SystemRoot|LD_LIBRARY_PATH|ROWGATE_CLUSTERS)$/,
  // A slow disk takes seconds for initdb, never minutes.
  answerMs: 120_000,
  stopMs: 20_000,
} as const;

/**
 * Starts a supervisor and waits until its server accepts connections.
 * @throws {RowgateError} `embedded/…`, after everything that had been started has ended
 */
export async function startSupervisor(
  settings: ServerSettings,
): Promise<ReadyServer & { stop(): Promise<void> }> {
  let directory: string | undefined;
  const child = startChild<ReadyServer, ServerDirectory>(supervisor, settings, (notice) => {
    ({ directory } = notice);
  });
  const stop = async (): Promise<void> => {
    const exit = await child.stop();
    if (exit?.code !== 0 && directory !== undefined) await removeRest(directory, exit?.stderr);
  };
  try {
    const ready = await child.ready;
    // A supervisor that was killed does not clean up: this process does, at once.
    void child.exited.then(stop).catch(() => undefined);
    return { ...ready, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function removeRest(directory: string, stderr: string | undefined): Promise<void> {
  try {
    await reap(directory);
  } catch (cause) {
    throw new RowgateError({
      code: "embedded/left-behind",
      message: `the directory of the embedded Postgres could not be removed: ${directory}`,
      details: stderr,
      hint: "remove the directory when no process uses it any more",
      cause,
    });
  }
}
