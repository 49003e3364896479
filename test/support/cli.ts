import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Another copy of the program. */
  readonly program?: string;
  /** Called with the process as soon as it runs, and with what it has written to stderr. */
  readonly watch?: (child: ChildProcess, err: () => string) => Promise<void>;
}

/**
 * Runs `rowgate …` as a person would: the built program, in a folder, with an environment. Without a search for escalation, unless
 * the test asks for one: it takes seconds.
 */
export async function rowgate(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const { PATH = "", HOME = "", ROWGATE_CLUSTERS = "" } = process.env;
  const own = { PATH, HOME, TMPDIR: tmpdir(), ROWGATE_CLUSTERS };
  const searches = args[0] !== "run" || args.includes("--escalation");
  const given = searches ? args : [...args, "--escalation", "off"];
  const child = spawn(process.execPath, [options.program ?? path.join(root, "dist/cli.js"), ...given], {
    cwd: options.cwd,
    env: { ...own, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  try {
    await options.watch?.(child, () => err);
  } catch (error) {
    // What a failed test leaves running would fail those after it.
    child.kill("SIGINT");
    await closed;
    throw error;
  }
  const [code, signal] = await closed;
  return { code, signal, out, err };
}
