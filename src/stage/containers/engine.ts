import { createServer, isIP } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { ContainerRuntimeClient } from "testcontainers";
import { RowgateError } from "../../model/errors.ts";

type Library = typeof import("testcontainers");

/** A container engine that answers, and the library that speaks to it. */
export interface Engine {
  readonly library: Library;
  readonly client: ContainerRuntimeClient;
  readonly docker: ContainerRuntimeClient["container"]["dockerode"];
  /** Where the ports that it publishes are reached. */
  readonly host: string;
}

/** Where ports are published that are this machine's alone. */
export const loopback = "127.0.0.1";

/** Milliseconds: an engine on another machine may take a while, and one that is gone would never answer. */
const patience = 30_000;

/** @throws {RowgateError} `container/no-testcontainers`, `container/no-engine` */
export async function connectEngine(): Promise<Engine> {
  const library = await load();
  const client = await Promise.race([
    library.getContainerRuntimeClient().catch((cause: unknown) => {
      throw noEngine("no container engine answers", cause);
    }),
    wait(patience, undefined, { ref: false }),
  ]);
  if (client === undefined) throw noEngine(`no container engine answered within ${patience / 1000} seconds`);
  const docker = client.container.dockerode;
  requireTheNamedOne(docker);
  return { library, client, docker, host: await reachedAt(client.info.containerRuntime.host) };
}

/**
 * Loopback wherever the engine is on this machine: under the name `localhost`, which also stands for ::1, where somebody
 * else may listen, and under an address of this machine's own, which is what the library takes within a container.
 */
export async function reachedAt(host: string): Promise<string> {
  return host === "localhost" || (isIP(host) !== 0 && (await isOwn(host))) ? loopback : host;
}

/** One can listen on no address but one's own; Node's list of them lacks the bridge of an engine that runs nothing. */
async function isOwn(address: string): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(0, address, () => server.close(() => resolve(true)));
  });
}

/** It is large, and nothing else needs it: only whoever asks for containers has it. */
async function load(): Promise<Library> {
  try {
    return await import("testcontainers");
  } catch (cause) {
    throw new RowgateError({
      code: "container/no-testcontainers",
      message: "containers need the npm package testcontainers, and it is not installed",
      details: cause instanceof Error ? cause.message.split("\n")[0] : undefined,
      hint: "npm install --save-dev testcontainers@11, beside rowgate",
    });
  }
}

/** testcontainers goes on to the default socket where the one that was named does not answer: that is another engine. */
function requireTheNamedOne({ modem }: Engine["docker"]): void {
  const named = process.env["DOCKER_HOST"] ?? "";
  const { socketPath, host } = modem as { readonly socketPath?: string; readonly host?: string };
  const found = socketPath ?? host ?? "";
  if (named === "" || named.includes(found)) return;
  throw noEngine(`nothing answers at DOCKER_HOST (another engine does, at ${found})`);
}

function noEngine(message: string, cause?: unknown): RowgateError {
  const named = process.env["DOCKER_HOST"];
  return new RowgateError({
    code: "container/no-engine",
    message,
    details: `looked at ${named === undefined ? "the usual sockets (DOCKER_HOST is not set)" : `DOCKER_HOST, ${withoutUserinfo(named)}`}${cause instanceof Error ? `: ${cause.message}` : ""}`,
    hint: "start Docker or another engine that speaks its protocol, point DOCKER_HOST to it, or use the embedded target, which needs none",
  });
}

function withoutUserinfo(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//");
}
