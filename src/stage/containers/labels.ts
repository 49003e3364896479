import { setTimeout as wait } from "node:timers/promises";
import type { Engine } from "./engine.ts";
import { isGone } from "./owner.ts";

/** What rowgate's containers and networks are told by. */
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

type Docker = Engine["docker"];

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
