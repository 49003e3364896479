import { readFileSync, readlinkSync } from "node:fs";
import { createServer, isIP } from "node:net";
import { hostname } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import type { ContainerRuntimeClient } from "testcontainers";
import { RowgateError } from "../../model/errors.ts";
import { startTime } from "../postgres/processes.ts";

type Library = typeof import("testcontainers");

/** A container engine that answers, and the library that speaks to it. */
export interface Engine {
  readonly library: Library;
  readonly client: ContainerRuntimeClient;
  readonly docker: ContainerRuntimeClient["container"]["dockerode"];
  /** The host of the ports that it publishes. */
  readonly host: string;
}

type Docker = Engine["docker"];

/** Where ports are published that are this machine's alone. */
const loopback = "127.0.0.1";

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
 * Loopback wherever the engine is on this machine: under the name `localhost`, which also means ::1, where another program
 * may listen, and under an address of this machine's own, which is what the library takes within a container.
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

/** It is large and optional: only container targets need it. */
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

/**
 * A network whose published ports are this machine's alone where the engine is on it. By default an engine publishes on
 * every address of its host.
 */
export async function createNetwork(
  { client, library, host }: Engine,
  name: string,
  labels: Readonly<Record<string, string>>,
  isKept: boolean,
): Promise<void> {
  // The label by which testcontainers' own cleaner finds it, where that is enabled.
  const session = isKept
    ? {}
    : { [library.LABEL_TESTCONTAINERS_SESSION_ID]: (await library.getReaper(client)).sessionId };
  await client.network.create({
    Name: name,
    Driver: "bridge",
    CheckDuplicate: true,
    Labels: { ...labels, ...session },
    ...(host === loopback ? { Options: { "com.docker.network.bridge.host_binding_ipv4": loopback } } : {}),
  });
}

/** What identifies rowgate's containers and networks. */
export const labels = {
  /** One supervisor's own: removed when it ends. */
  session: "rowgate.session",
  /** The process that looks after it. */
  owner: "rowgate.owner",
  /** A Postgres that waits for another run, and its network: a hash of what it was made from. */
  reuse: "rowgate.reuse",
  /** What ties such a Postgres to its network. */
  site: "rowgate.site",
} as const;

export interface Found {
  readonly id: string;
  readonly running: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

/** `label` or `label=value`. */
export async function findContainers(docker: Docker, filter: string): Promise<readonly Found[]> {
  const list = await docker.listContainers({ all: true, filters: { label: [filter] } });
  return list.map((one) => ({ id: one.Id, running: one.State === "running", labels: one.Labels }));
}

const removals = 20;

/** Containers with their volumes, then networks. @throws what the engine says when something stays */
export async function removeLabelled(docker: Docker, filter: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const containers = await findContainers(docker, filter);
    const networks = await docker.listNetworks({ filters: { label: [filter] } });
    if (containers.length === 0 && networks.length === 0) return;
    const ends = [
      ...(await Promise.allSettled(
        containers.map(({ id }) => docker.getContainer(id).remove({ force: true, v: true })),
      )),
      ...(await Promise.allSettled(networks.map(({ Id }) => docker.getNetwork(Id).remove()))),
    ];
    const failed = ends.find((end) => end.status === "rejected");
    if (failed === undefined) continue;
    // Another removal may be under way, and a network waits for its last container.
    if (attempt === removals) throw failed.reason;
    await wait(100);
  }
}

/** What supervisors left that were killed themselves. */
export async function sweep(docker: Docker): Promise<void> {
  const containers = await findContainers(docker, labels.session);
  const networks = await docker.listNetworks({ filters: { label: [labels.session] } });
  const all = [...containers, ...networks.map((one) => ({ labels: one.Labels ?? {} }))];
  const gone = all.filter((one) => isGone(one.labels[labels.owner] ?? ""));
  const sessions = new Set(gone.map((one) => one.labels[labels.session]));
  for (const session of sessions) await removeLabelled(docker, `${labels.session}=${session}`);
}

/** This process, as another one on the same machine can tell whether it still lives: `<machine> <pid> <start>`. */
export function ownerMark(): string {
  return `${machine()} ${process.pid} ${startTime(process.pid) ?? 0}`;
}

/** Whether the process of this mark has certainly ended. For other machines that is unknown. */
export function isGone(mark: string): boolean {
  const [where, pid, start] = mark.split(" ");
  if (where !== machine() || pid === undefined) return false;
  const now = startTime(Number(pid));
  return now === undefined || (now !== 0 && now !== Number(start));
}

/** Several containers may share an engine, a host name and process ids: the namespace tells them apart. */
function machine(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const namespace = readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
    return `${boot}:${namespace}`;
  } catch {
    return hostname();
  }
}
