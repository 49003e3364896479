import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Processes that have a test's own temporary folder in their command line. */
export function processesIn(room: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return command.includes(room) ? [`${pid} ${command}`] : [];
      } catch {
        return [];
      }
    });
}

/** Half a minute at most: what comes after tells whether it held. */
export async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!holds() && Date.now() < end) await sleep(50);
}
