import path from "node:path";
import { messageOf, RowgateError } from "../model/errors.ts";
import { isLocal } from "../lib/local.ts";
import { localStack } from "../model/target.ts";
import { findAnyConfig } from "./file.ts";
import { parsePostgresUrl, type Variables } from "./libpq.ts";
import { type ConfigFile } from "./file.ts";
import { type TargetEntry } from "./shape.ts";
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { boundedText } from "../lib/bounded-text.ts";

export interface Stack {
  /** A target `supabase` as if it were in a `rowgate.yaml`, added to those of an existing one. */
  readonly file: ConfigFile;
  /** What it takes its values from. */
  readonly variables: Variables;
}

/**
 * The local stack as a target. It may hold data that people work with: `staging`, where writes are undone.
 * @throws RowgateError `config/…`; IssuesError where there is a `rowgate.yaml` that holds mistakes
 */
export async function findStack(
  named: string | undefined,
  cwd: string,
  variables: Variables,
): Promise<Stack> {
  const status = await findStatus(named, cwd, variables);
  const { values, from } = status;
  if (values.DB_URL === undefined) throw noStatus(from);
  for (const name of ["DB_URL", "REST_URL", "API_URL"] as const) onlyHere(values[name]?.text, name, from);
  return { file: await besideOthers(status, cwd), variables: { ...own(variables), ...texts(status) } };
}

/** Every part is named here, so that nothing of the environment leads elsewhere. */
function entryOf({ values }: FoundStatus): TargetEntry {
  const { REST_URL, API_URL } = values;
  const url = REST_URL?.text ?? (API_URL && `${API_URL.text.replace(/\/+$/, "")}/rest/v1`);
  const key = (["PUBLISHABLE_KEY", "ANON_KEY"] as const).find((name) => values[name] !== undefined);
  return {
    posture: "staging",
    database: { url: "${DB_URL}" },
    ...(url !== undefined && { rest: { url, ...(key !== undefined && { api_key: `\${${key}}` }) } }),
    ...(values.JWT_SECRET !== undefined && { jwt: { secret: "${JWT_SECRET}" } }),
  };
}

/** A `rowgate.yaml` may say what is production: a tunnel to it ends on this machine, too. */
async function besideOthers(status: FoundStatus, cwd: string): Promise<ConfigFile> {
  const others = await findAnyConfig(undefined, cwd);
  const config = others?.config ?? { targets: {} };
  return {
    file: status.from,
    folder: others?.folder ?? cwd,
    sha256: others?.sha256 ?? "",
    config: { ...config, targets: { ...config.targets, [localStack]: entryOf(status) } },
    at: ([name = "", ...steps]) =>
      name === localStack || others === undefined
        ? { file: status.from, line: lineOf(status, steps), column: 1 }
        : others.at([name, ...steps]),
  };
}

function lineOf({ values }: FoundStatus, [part = "", key]: readonly string[]): number {
  const names: Readonly<Record<string, readonly StackName[]>> = {
    rest: key === "api_key" ? ["PUBLISHABLE_KEY", "ANON_KEY"] : ["REST_URL", "API_URL"],
    jwt: ["JWT_SECRET"],
  };
  const [found] = (names[part] ?? ["DB_URL"]).flatMap((name) => values[name] ?? []);
  return found?.line ?? 1;
}

/** libpq's variables are about other databases: the stack's has no TLS, and its password is in its URL. */
function own(variables: Variables): Variables {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !name.startsWith("PG")));
}

function texts({ values }: FoundStatus): Variables {
  return Object.fromEntries(Object.entries(values).map(([name, { text }]) => [name, text]));
}

function noStatus(from: string): RowgateError {
  return new RowgateError({
    code: "config/no-stack",
    message: `No local Supabase stack is known: ${from} holds no DB_URL.`,
    hint: `it must be what \`${statusCommand}\` prints, under the names that it gives by itself: no other format, and no --override-name`,
  });
}

function onlyHere(url: string | undefined, name: StackName, from: string): void {
  const host = url === undefined ? undefined : hostOf(url, name);
  // What is not a URL is reported where URLs are read.
  if (host === undefined || isLocal(host)) return;
  throw new RowgateError({
    code: "config/not-local",
    message: `${name} of ${from} leads to ${host}, and \`--target ${localStack}\` is for a stack on this machine.`,
    hint: "declare it in rowgate.yaml, with its posture (docs/targets.md)",
  });
}

/** A database's URL may name its host behind the question mark as well. */
function hostOf(url: string, name: StackName): string | undefined {
  if (name !== "DB_URL") return URL.canParse(url) ? new URL(url).hostname : undefined;
  const read = parsePostgresUrl(url);
  return "problem" in read ? undefined : read.host;
}

/** A stack's status, and where it comes from. */
export interface FoundStatus extends StackStatus {
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
): Promise<FoundStatus> {
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

function ofEnvironment(variables: Variables): FoundStatus | undefined {
  const set = (name: string): boolean => (variables[name] ?? "") !== "";
  if (!set("DB_URL") || !(set("API_URL") || set("REST_URL"))) return undefined;
  const known = stackNames
    .filter(set)
    .map((name) => [name, { text: variables[name] ?? "", line: 1 }] as const);
  return { values: Object.fromEntries(known), from: "the environment" };
}

async function readText(from: AsyncIterable<Buffer>, named: string): Promise<string> {
  const text = await boundedText(from, mostText).catch((cause: unknown) => {
    throw unreadable(named, messageOf(cause), cause);
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

/** What a local Supabase stack says of itself, in so far as a run needs it. */
export interface StackStatus {
  readonly values: Readonly<Partial<Record<StackName, StackValue>>>;
}

export interface StackValue {
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/** The names that `supabase status -o env` prints; those of keys come and go with its versions. */
export const stackNames = [
  "DB_URL",
  "REST_URL",
  "API_URL",
  "PUBLISHABLE_KEY",
  "ANON_KEY",
  "JWT_SECRET",
] as const;
export type StackName = (typeof stackNames)[number];

/** `NAME="value"`, where the CLI puts a backslash before `\`, `"`, `!`, `$` and a backtick; numbers are bare. */
const assignment = /^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s"']*))\s*$/;

/**
 * Reads what `supabase status -o env` prints; lines of any other kind (other output of the CLI) are ignored.
 * Source: https://supabase.com/docs/reference/cli/supabase-status
 */
export function readStatus(text: string): StackStatus {
  const values: Partial<Record<StackName, StackValue>> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [, name, quoted, plain, bare] = assignment.exec(line) ?? [];
    const value = quoted?.replaceAll(/\\(.)/g, (_, one: string) => escapes[one] ?? one) ?? plain ?? bare;
    if (value !== undefined && value !== "" && isStackName(name))
      values[name] = { text: value, line: index + 1 };
  }
  return { values };
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r" };

function isStackName(name: string | undefined): name is StackName {
  return (stackNames as readonly string[]).includes(name ?? "");
}
