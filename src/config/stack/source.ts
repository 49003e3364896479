import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import path from "node:path";
import { boundedText } from "../../lib/bounded-text.ts";
import { RowgateError } from "../../model/errors.ts";
import type { Variables } from "../settings.ts";
import { readStatus, stackNames, type StackStatus } from "./status.ts";

/** A stack's status, and who said it. */
export interface SaidStatus extends StackStatus {
  /** For people: a file's name, `standard input`, `the environment`, `supabase status -o env`. */
  readonly from: string;
}

export const statusCommand = "supabase status -o env";
const pipe = `${statusCommand} | rowgate run --target supabase --config -`;
/** Milliseconds: it asks the container engine, and no more. */
const patience = 60_000;
/** Characters; it prints a page. */
const mostText = 1024 * 1024;

/**
 * What was named with `--config` (`-`: standard input); else the environment, where it holds both DB_URL and API_URL or
 * REST_URL as the command prints them; else the command itself.
 * @throws RowgateError `config/unreadable`, `config/no-stack`
 */
export async function findStatus(
  named: string | undefined,
  cwd: string,
  variables: Variables,
): Promise<SaidStatus> {
  if (named !== undefined) {
    const from = named === "-" ? "standard input" : named;
    const text = await readText(
      named === "-" ? process.stdin : createReadStream(path.resolve(cwd, named)),
      from,
    );
    if (text.trim() === "") throw unreadable(from, "it is empty");
    return { ...readStatus(text), from };
  }
  return ofEnvironment(variables) ?? { ...readStatus(await askCli(cwd, variables)), from: statusCommand };
}

function ofEnvironment(variables: Variables): SaidStatus | undefined {
  const set = (name: string): boolean => (variables[name] ?? "") !== "";
  if (!set("DB_URL") || !(set("API_URL") || set("REST_URL"))) return undefined;
  const known = stackNames
    .filter(set)
    .map((name) => [name, { text: variables[name] ?? "", line: 1 }] as const);
  return { values: Object.fromEntries(known), from: "the environment" };
}

async function readText(from: AsyncIterable<Buffer>, named: string): Promise<string> {
  const text = await boundedText(from, mostText).catch((cause: unknown) => {
    throw unreadable(named, cause instanceof Error ? cause.message : String(cause), cause);
  });
  if (text === undefined) throw unreadable(named, `it is larger than ${mostText / 1024 / 1024} MiB`);
  return text;
}

function unreadable(named: string, why: string, cause?: unknown): RowgateError {
  return new RowgateError({
    code: "config/unreadable",
    message: `Cannot read the stack's status from ${named}: ${why}`,
    hint: `for the target supabase, --config names what this prints: ${statusCommand}`,
    cause,
  });
}

/** Its own settings come from its environment: where the project is, and the engine. */
async function askCli(cwd: string, variables: Variables): Promise<string> {
  return new Promise((resolve, reject) => {
    const [program = "", ...args] = statusCommand.split(" ");
    const options = { cwd, env: { ...variables }, timeout: patience, maxBuffer: mostText, windowsHide: true };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(notThere(error) ? noCli() : refused(error, stderr));
    });
    // It must not wait for an answer of anybody.
    child.stdin?.end();
  });
}

/** A folder on PATH that may not be searched makes it EACCES. https://man7.org/linux/man-pages/man3/exec.3.html */
function notThere({ code }: { readonly code?: unknown }): boolean {
  return code === "ENOENT" || code === "EACCES";
}

function noCli(): RowgateError {
  return new RowgateError({
    code: "config/no-stack",
    message: "No local Supabase stack is known: there is no `supabase` on PATH that could be asked.",
    details:
      "looked at --config (not given) and at DB_URL with API_URL or REST_URL (not both in the environment)",
    hint: `start one with \`supabase start\`, then: ${pipe} (with npx before \`supabase\` where npm has installed it)`,
  });
}

function refused(
  error: { readonly code?: unknown; readonly killed?: boolean },
  stderr: string,
): RowgateError {
  const end =
    error.killed === true
      ? `did not answer within ${patience / 1000} seconds`
      : `ended with ${String(error.code)}`;
  return new RowgateError({
    code: "config/no-stack",
    message: `No local Supabase stack is known: \`${statusCommand}\` ${end}.`,
    details: stderr.trim().split("\n").slice(0, 6).join("\n") || undefined,
    hint: "run `supabase start` in the folder that holds supabase/config.toml, and rowgate there or below it",
  });
}
