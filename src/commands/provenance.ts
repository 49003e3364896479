import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** What rowgate, and which state of the project, a run is evidence of. */
export interface Provenance {
  readonly version: string;
  /** `undefined` outside a git checkout. */
  readonly gitCommit: string | undefined;
}

export async function provenance(cwd: string): Promise<Provenance> {
  const [version, commit] = await Promise.all([packageVersion(), gitCommit(cwd)]);
  return { version, gitCommit: commit };
}

async function gitCommit(cwd: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("git", ["rev-parse", "HEAD"], { cwd });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

async function packageVersion(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
