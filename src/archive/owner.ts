import { readFile } from "node:fs/promises";
import { hostname } from "node:os";

/** Who writes something that is not finished. */
interface Owner {
  readonly pid: number;
  readonly host: string;
}

/** `tag` makes two notes of one process differ. */
export function ownerNote(tag?: string): string {
  const owner: Owner & { readonly tag: string | undefined } = { pid: process.pid, host: hostname(), tag };
  return `${JSON.stringify(owner)}\n`;
}

/** Whether the process that a note names is gone. Another host's processes cannot be asked: those count as alive. */
export async function isAbandoned(noteFile: string): Promise<boolean> {
  try {
    const { pid, host } = JSON.parse(await readFile(noteFile, "utf8")) as Partial<Owner>;
    return Number.isInteger(pid) && host === hostname() && !isAlive(Number(pid));
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    // Signal 0 asks and does nothing; 0 and negative numbers would address groups.
    return pid <= 0 || process.kill(pid, 0);
  } catch (cause) {
    // EPERM: it lives and belongs to somebody else.
    return !(cause instanceof Error && "code" in cause && cause.code === "ESRCH");
  }
}
