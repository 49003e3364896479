import { setTimeout as wait } from "node:timers/promises";
import type { WaitStrategy } from "testcontainers";
import { messageOf, RowgateError } from "../../model/errors.ts";
import type { Engine } from "./engine.ts";
import type { Image } from "./image.ts";

/** What a supervisor starts containers with. */
export interface Site {
  readonly engine: Engine;
  /** The network in which they find each other by name. */
  readonly network: string;
  /** Aborted when everything is to end. */
  readonly signal: AbortSignal;
  /** Masked in what containers say. */
  readonly secrets: readonly string[];
}

export interface ContainerPlan {
  readonly image: Image;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  /** It outlives the run, and no cleaner of testcontainers may take it. */
  readonly reuse: boolean;
}

/** A network, and the name by which Postgres is found in it. */
export interface Place {
  readonly network: string;
  readonly postgres: string;
}

export function placeOf(site: string): Place {
  return { network: `rowgate-${site}`, postgres: `rowgate-${site}-postgres` };
}

interface StartedContainer {
  readonly name: string;
  /** `host:port` as this machine reaches a port of the container. */
  address(port: number): { readonly host: string; readonly port: number };
}

/** Milliseconds: making a container copies its image where the engine has no better way. */
const startPatience = 120_000;

/** What waits for a container is `untilReady`, which says more than any of the library's ways when it fails. */
const noWait: WaitStrategy = {
  waitUntilReady: async () => {},
  withStartupTimeout: () => noWait,
  isStartupTimeoutSet: () => false,
  getStartupTimeout: () => 0,
};

/** @throws {RowgateError} `container/start`, `container/ended` */
export async function startContainer(site: Site, plan: ContainerPlan): Promise<StartedContainer> {
  const { library, host } = site.engine;
  const container = new library.GenericContainer(plan.image.name)
    .withName(plan.name)
    .withLabels({ ...plan.labels })
    .withEnvironment({ ...plan.environment })
    .withExposedPorts(...plan.ports)
    .withNetworkMode(site.network)
    .withWaitStrategy(noWait);
  if (plan.reuse) container.withReuse();
  site.signal.throwIfAborted();
  const over = new AbortController();
  const started = container.start().catch((cause: unknown) => {
    throw notStarted(site, plan, cause);
  });
  try {
    // One that ends at once publishes no port, and the library would wait for it in vain. Nothing else leaves before the
    // library does: what it makes must be there, or not, before what there is can be removed.
    const running = await Promise.race([started, untilEnded(site, plan, over.signal), tooSlow(plan)]);
    return {
      name: plan.name,
      address: (port) => ({ host, port: running.getMappedPort(port) }),
    };
  } finally {
    over.abort();
  }
}

async function untilEnded(site: Site, plan: ContainerPlan, over: AbortSignal): Promise<never> {
  for (;;) {
    await wait(200);
    // The race is over, and this promise is awaited no more.
    over.throwIfAborted();
    await requireRunning(site, plan);
  }
}

async function tooSlow({ image }: ContainerPlan): Promise<never> {
  await wait(startPatience, undefined, { ref: false });
  throw new RowgateError({
    code: "container/start",
    message: `the engine did not start a container of ${image.name} within ${startPatience / 1000} seconds`,
    hint: "check the engine itself (docker info)",
  });
}

function notStarted(site: Site, plan: ContainerPlan, cause: unknown): RowgateError {
  const text = messageOf(cause);
  return new RowgateError({
    code: "container/start",
    message: `the engine could not start a container of ${plan.image.name}`,
    details: masked(text.replaceAll(/\s+/g, " ").trim(), site.secrets),
    hint: "the engine's message is above; check its network, its disk and the image's platform",
    cause,
  });
}

/**
 * Asks until it is ready, for as long as its container runs.
 * @param patience milliseconds
 * @throws {RowgateError} `container/ended`, `container/not-ready`
 */
export async function untilReady(
  site: Site,
  plan: ContainerPlan,
  patience: number,
  isReady: () => Promise<boolean>,
): Promise<void> {
  for (const end = performance.now() + patience; performance.now() < end; await wait(100)) {
    site.signal.throwIfAborted();
    if (await isReady()) return;
    await requireRunning(site, plan);
  }
  throw new RowgateError({
    code: "container/not-ready",
    message: `${plan.image.name} was not ready after ${patience / 1000} seconds`,
    details: await lastWords(site, plan.name),
    hint: "its last output is above; run the image yourself to see more",
  });
}

/** @throws {RowgateError} `container/ended` */
async function requireRunning(site: Site, plan: ContainerPlan): Promise<void> {
  const state = await site.engine.docker
    .getContainer(plan.name)
    .inspect()
    .then(({ State }) => State)
    .catch(() => undefined);
  if (state === undefined || !["exited", "dead"].includes(state.Status)) return;
  throw new RowgateError({
    code: "container/ended",
    message: `the container of ${plan.image.name} ended with exit code ${state.ExitCode} instead of serving${state.OOMKilled ? " (out of memory)" : ""}`,
    details: await lastWords(site, plan.name),
    hint: "its last output is above; run the image yourself to see more",
  });
}

/** The end of what a container wrote. */
async function lastWords({ engine, secrets }: Site, name: string): Promise<string | undefined> {
  try {
    const raw = await engine.docker.getContainer(name).logs({ stdout: true, stderr: true, tail: 20 });
    return masked(unframed(raw), secrets).trimEnd() || undefined;
  } catch {
    return undefined;
  }
}

/** Without the eight bytes that the engine puts before each piece: which stream, and how long. */
function unframed(raw: Buffer): string {
  let text = "";
  for (let at = 0; at + 8 <= raw.length;) {
    const length = raw.readUInt32BE(at + 4);
    text += raw.toString("utf8", at + 8, at + 8 + length);
    at += 8 + length;
  }
  return text;
}

/** Without the secrets of those who wrote it. */
function masked(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
}
