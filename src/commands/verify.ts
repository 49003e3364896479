import { existsSync } from "node:fs";
import path from "node:path";
import { latestArchive } from "../archive/chain.ts";
import { checkAll, type ChainCheck, checkRun, type RunCheck } from "../archive/check.ts";
import { runIdPattern } from "../archive/id.ts";
import type { Signature } from "../archive/sign.ts";
import { RowgateError } from "../model/errors.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { publicKeys } from "./keys.ts";
import { folderOf } from "./report.ts";

export interface VerifyOptions {
  readonly key: string | undefined;
  readonly logs: string;
  readonly json: boolean;
}

/** `rowgate verify [run|folder]`: 0, all intact; 1, something was altered, is missing or is not signed as asked; 2, not checked. */
export async function verifyCommand(
  given: string | undefined,
  options: VerifyOptions,
  { cwd, out }: Environment,
): Promise<ExitCode> {
  const keys = await publicKeys(options.key, cwd);
  const logs = path.resolve(cwd, options.logs);
  const folder = await runOrRoot(given, logs, cwd);
  const found =
    folder.kind === "run"
      ? oneRun(await checkRun(folder.root, folder.dir, path.basename(folder.dir), keys))
      : await checkAll(folder.dir, keys);
  const failed = found.problems.length + found.runs.filter(({ problems }) => problems.length > 0).length > 0;
  const unchained = folder.kind === "root" && found.runs.some(({ chain }) => chain === "unchained");
  out.write(options.json ? `${JSON.stringify(found, undefined, 2)}\n` : textOf(found, keys.length > 0));
  return failed || unchained ? 1 : 0;
}

type Found = { readonly kind: "run" | "root"; readonly dir: string; readonly root: string };

async function runOrRoot(given: string | undefined, logs: string, cwd: string): Promise<Found> {
  if (given === undefined) return { kind: "root", dir: await existing(logs, cwd), root: logs };
  const dir = path.resolve(cwd, given);
  const isRun = given === "latest" || runIdPattern.test(given) || existsSync(path.join(dir, "run.json"));
  if (!isRun) return { kind: "root", dir: await existing(dir, cwd), root: dir };
  const run = await folderOf(given, logs, cwd);
  return { kind: "run", dir: run, root: path.resolve(run, "../..") };
}

async function existing(dir: string, cwd: string): Promise<string> {
  if (
    existsSync(dir) &&
    ((await latestArchive(dir)) !== undefined || existsSync(path.join(dir, "chain.txt")))
  )
    return dir;
  throw new RowgateError({
    code: "usage/no-run",
    message: `There is no finished run in ${path.relative(cwd, dir) || "."}.`,
    hint: "name a run (its folder, its id, or latest), or the folder that --logs named",
  });
}

function oneRun(check: RunCheck): ChainCheck {
  return { runs: [check], problems: [], signatures: [], cutShort: [], unfinished: [] };
}

function textOf({ runs, problems, signatures, cutShort, unfinished }: ChainCheck, withKeys: boolean): string {
  const lines = runs.flatMap((run) => {
    const state = run.problems.length === 0 ? "intact" : "ALTERED";
    const head = `${run.id}  ${state}, ${run.chain}, ${signatureText(run.signatures, withKeys)}`;
    return [head, ...run.problems.map((problem) => `  ${problem}`)];
  });
  const chain =
    problems.length + signatures.length === 0 ? [] : [`chain  ${signatureText(signatures, withKeys)}`];
  return [
    ...lines,
    ...chain,
    ...problems.map((problem) => `  ${problem}`),
    ...cutShort.map((name) => `${name}  cut short: its process was killed, so it has no result`),
    ...unfinished.map((name) => `${name}  unfinished: it is being written`),
    `${runs.length} ${runs.length === 1 ? "run" : "runs"}, ${runs.filter((run) => run.problems.length === 0).length} intact`,
    "",
  ].join("\n");
}

function signatureText(signatures: readonly Signature[], withKeys: boolean): string {
  if (signatures.length === 0) return "not signed";
  const ids = (state: Signature["state"]): string =>
    [...new Set(signatures.filter((one) => one.state === state).map(({ keyId }) => keyId))].join(", ");
  if (signatures.some(({ state }) => state === "invalid"))
    return `signature INVALID for key ${ids("invalid")}`;
  if (signatures.some(({ state }) => state === "valid")) return `signature valid by key ${ids("valid")}`;
  const why = withKeys ? "no such key was given" : "not checked: name the public key with --key";
  return `signed by key ${ids("unknown key")} (${why})`;
}
