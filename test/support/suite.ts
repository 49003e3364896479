import { mkdtempSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { freemem, tmpdir } from "node:os";
import path from "node:path";

/**
 * Once before all tests, for every worker and what it starts. A database here lives for seconds: where memory is plenty it is written
 * there instead of to a disk, and initdb runs once.
 */
export function setup(): () => void {
  const memory = "/dev/shm";
  if (process.env["TMPDIR"] === undefined && hasRoom(memory, 8)) process.env["TMPDIR"] = memory;
  const clusters = mkdtempSync(path.join(tmpdir(), "rowgate-test-clusters-"));
  process.env["ROWGATE_CLUSTERS"] = clusters;
  return () => rmSync(clusters, { recursive: true, force: true });
}

function hasRoom(folder: string, gigabytes: number): boolean {
  const needed = gigabytes * 2 ** 30;
  try {
    const mount = readFileSync("/proc/mounts", "utf8")
      .split("\n")
      .find((line) => line.split(" ")[1] === folder);
    const { bavail, bsize } = statfsSync(folder);
    // Programs are executed there: Postgres's own, and what tests write.
    const usable = mount?.split(" ")[2] === "tmpfs" && !mount.includes("noexec");
    return usable && bavail * bsize > needed && freemem() > needed;
  } catch {
    return false;
  }
}
