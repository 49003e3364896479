import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { startTime } from "../postgres/processes.ts";

/** This process, as another one on the same machine can tell whether it still lives: `<machine> <pid> <start>`. */
export function ownerMark(): string {
  return `${machine()} ${process.pid} ${startTime(process.pid) ?? 0}`;
}

/** Whether it is known that nobody looks after what carries this mark. Of other machines nothing is known. */
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
