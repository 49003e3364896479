import { createHash } from "node:crypto";
import {
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { RowgateError } from "../../model/errors.ts";
import type { Account } from "./account.ts";
import { executable } from "./binaries.ts";

/** The folder that users name, for what initdb makes: a copy of it takes a tenth of initdb's time. */
export const keptClusters = "ROWGATE_CLUSTERS";

/**
 * Where the cluster of these programs and options is kept.
 * @param native the programs as they were installed: a copy of them has other times
 */
export function keptCluster(folder: string, native: string, options: readonly string[]): string {
  const { size, mtimeMs } = statSync(executable(native, "postgres"));
  const key = createHash("sha256").update(JSON.stringify([native, size, mtimeMs, options]));
  return path.join(path.resolve(folder), key.digest("hex").slice(0, 16));
}

/**
 * Fills an empty data directory.
 * @returns the superuser's first password; `undefined`: none is kept there
 * @throws {RowgateError} `embedded/kept-cluster`
 */
export function takeCluster(kept: string, data: string, account: Account | undefined): string | undefined {
  if (!existsSync(kept)) return undefined;
  const { uid, mode } = lstatSync(kept);
  // A user who may write there could log in to each server that is started from it.
  if (process.geteuid !== undefined && (uid !== process.geteuid() || (mode & 0o077) !== 0))
    throw new RowgateError({
      code: "embedded/kept-cluster",
      message: `${kept} (${keptClusters}) is not this user's alone`,
      hint: `remove it, or set ${keptClusters} to a folder of your own`,
    });
  copyCluster(path.join(kept, "data"), data, account);
  return readFileSync(path.join(kept, "password"), "utf8");
}

/** In one step, so that a cluster which is there is whole. The first of two processes that make it at once wins. */
export function keepCluster(kept: string, data: string, password: string): void {
  mkdirSync(path.dirname(kept), { recursive: true });
  const made = mkdtempSync(`${kept}-`);
  try {
    mkdirSync(path.join(made, "data"), { mode: 0o700 });
    copyCluster(data, path.join(made, "data"), undefined);
    writeFileSync(path.join(made, "password"), password, { mode: 0o600 });
    renameSync(made, kept);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    if (!existsSync(kept)) throw error;
  }
}

function copyCluster(from: string, to: string, account: Account | undefined): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, copy] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) mkdirSync(copy, { mode: 0o700 });
    else copyFileSync(source, copy);
    if (account !== undefined) chownSync(copy, account.uid, account.gid);
    if (entry.isDirectory()) copyCluster(source, copy, account);
  }
}
