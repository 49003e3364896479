import { setTimeout as wait } from "node:timers/promises";
import type { WaitStrategy } from "testcontainers";
import { RowgateError } from "../../model/errors.ts";
import type { ContainerPlan, Site } from "./plan.ts";
import { masked, requireRunning } from "./watch.ts";

export interface StartedContainer {
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
    // Nobody hears this any more; the race is over.
    over.throwIfAborted();
    await requireRunning(site, plan);
  }
}

async function tooSlow({ image }: ContainerPlan): Promise<never> {
  await wait(startPatience, undefined, { ref: false });
  throw new RowgateError({
    code: "container/start",
    message: `the engine did not start a container of ${image.name} within ${startPatience / 1000} seconds`,
    hint: "see whether the engine itself is well (docker info)",
  });
}

function notStarted(site: Site, plan: ContainerPlan, cause: unknown): RowgateError {
  const said = cause instanceof Error ? cause.message : String(cause);
  return new RowgateError({
    code: "container/start",
    message: `the engine could not start a container of ${plan.image.name}`,
    details: masked(said.replaceAll(/\s+/g, " ").trim(), site.secrets),
    hint: "the engine's own words stand above: its network, its disk, or the image's platform",
    cause,
  });
}
