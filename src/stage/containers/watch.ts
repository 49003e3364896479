import { setTimeout as wait } from "node:timers/promises";
import { RowgateError } from "../../model/errors.ts";
import type { ContainerPlan, Site } from "./plan.ts";

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
    hint: "what it wrote last stands above; run it by hand to see more",
  });
}

/** @throws {RowgateError} `container/ended` */
export async function requireRunning(site: Site, plan: ContainerPlan): Promise<void> {
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
    hint: "what it wrote last stands above; run it by hand to see more",
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
export function masked(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
}
