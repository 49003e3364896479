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

/** What became of the process that a note names. */
export type OwnerState =
  | { readonly kind: "gone" }
  /** Or another one has its number by now. */
  | { readonly kind: "alive"; readonly pid: number }
  /** Another host's processes cannot be asked. */
  | { readonly kind: "elsewhere"; readonly host: string }
  | { readonly kind: "unknown" };

export async function ownerState(noteFile: string): Promise<OwnerState> {
  try {
    const { pid, host } = JSON.parse(await readFile(noteFile, "utf8")) as Partial<Owner>;
    if (pid === undefined || host === undefined || !Number.isInteger(pid)) return { kind: "unknown" };
    if (host !== hostname()) return { kind: "elsewhere", host };
    return isAlive(pid) ? { kind: "alive", pid } : { kind: "gone" };
  } catch {
    return { kind: "unknown" };
  }
}

/** Whether the process that a note names is known to be gone. */
export async function isAbandoned(noteFile: string): Promise<boolean> {
  return (await ownerState(noteFile)).kind === "gone";
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
