import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import type { Environment } from "./cache.ts";
import { installError } from "./errors.ts";
import { stopped } from "./network.ts";

/** Milliseconds. */
const patience = 20_000;

/**
 * Runs `--version` of a program that nobody has run yet: a wrong one is found now, not in the middle of a proof.
 * @throws RowgateError `gateway/install-program`
 */
export async function tryOut(
  program: string,
  version: string,
  { environment, signal }: { readonly environment: Environment; readonly signal: AbortSignal },
): Promise<void> {
  const said = await ask(program, environment, signal);
  const found = /^PostgREST (\d+(?:\.\d+)*)/.exec(said)?.[1];
  if (found !== undefined && firstTwo(found) === firstTwo(version.slice(1))) return;
  throw installError(
    "program",
    `the program of ${version} says that it is ${JSON.stringify(said.slice(0, 80))}`,
    {
      hint: "that is no release of PostgREST: find out where the file comes from",
    },
  );
}

/** PostgREST names two parts of its version since v14; earlier ones name all of them. */
function firstTwo(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}

// What a program needs to start; the user's secrets are none of it.
const kept = ["PATH", "LANG", "LD_LIBRARY_PATH", "SystemRoot"];

async function ask(program: string, environment: Environment, signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, ["--version"], {
      cwd: path.parse(program).root,
      env: Object.fromEntries(kept.map((name) => [name, environment[name]])),
      timeout: patience,
      maxBuffer: 1024 * 1024,
      windowsHide: true,
      signal,
    });
    return stdout.trim();
  } catch (cause) {
    if (signal.aborted) throw stopped("the time was over while the program was tried out", signal.reason);
    const { stderr = "", message } = cause as { readonly stderr?: string; readonly message: string };
    throw installError("program", "the program does not run on this machine", {
      details: stderr.trim().slice(-1000) || message,
      hint: "a library that it needs may be missing, or the cache may lie where nothing may be run: set XDG_CACHE_HOME to another folder",
      cause,
    });
  }
}
