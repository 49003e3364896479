import { chmodSync, lstatSync, mkdtempSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { messageOf, RowgateError } from "../../model/errors.ts";
import type { Account } from "./account.ts";
import { hasShellCharacter } from "./binaries.ts";
import { startTime } from "./processes.ts";

// The name says which process the directory belongs to, so that there is no moment at which it exists without saying so.
const namePattern = /^rowgate-pg-(\d+)-(\d+)-(\d+)-[A-Za-z0-9]{6}$/;

/**
 * A new directory that only this user (and, by name, `account`) can enter.
 * @throws {RowgateError} `embedded/no-directory`
 */
export function makePrivateDirectory(account: Account | undefined, roots: readonly string[]): string {
  const refusals: string[] = [];
  for (const root of roots.length > 0 ? roots : defaultRoots()) {
    try {
      const real = usableRoot(root, account);
      const made = mkdtempSync(path.join(real, `rowgate-pg-${ownMark()}-`));
      // Passing through is enough for the account: what it may read is in its own folders.
      if (account !== undefined) chmodSync(made, 0o711);
      return made;
    } catch (error) {
      refusals.push(`${root}: ${messageOf(error)}`);
    }
  }
  throw new RowgateError({
    code: "embedded/no-directory",
    message: "there is no temporary directory that the embedded Postgres can use",
    details: refusals.join("\n"),
    hint: "set TMPDIR to a folder on a local disk that every user may enter",
  });
}

function defaultRoots(): string[] {
  return process.platform === "win32" ? [tmpdir()] : [...new Set([tmpdir(), "/tmp", "/var/tmp"])];
}

function usableRoot(root: string, account: Account | undefined): string {
  const real = realpathSync(root);
  if (hasShellCharacter(real)) throw new Error("the path holds a character that initdb's shell would read");
  if (account === undefined) return real;
  for (let folder = real; ; folder = path.dirname(folder)) {
    if ((lstatSync(folder).mode & 0o001) === 0)
      throw new Error(`user ${account.name} may not enter ${folder}`);
    if (folder === path.dirname(folder)) return real;
  }
}

function ownMark(): string {
  return `${process.pid}-${startTime(process.pid) ?? 0}-${pidNamespace()}`;
}

/**
 * Directories of this naming scheme, owned by this user, whose process is gone: what a power cut or a killed supervisor
 * left. A process in another pid namespace (a container that shares the folder) cannot be checked for being alive: not listed.
 */
export function staleDirectories(roots: readonly string[]): string[] {
  return (roots.length > 0 ? roots : defaultRoots()).flatMap((root) =>
    namesIn(root)
      .filter(isAbandoned)
      .map((name) => path.join(path.resolve(root), name))
      .filter(isOurs),
  );
}

function namesIn(root: string): string[] {
  try {
    return readdirSync(root);
  } catch {
    return [];
  }
}

function isOurs(directory: string): boolean {
  try {
    const found = lstatSync(directory);
    return found.isDirectory() && (process.geteuid === undefined || found.uid === process.geteuid());
  } catch {
    return false;
  }
}

function isAbandoned(name: string): boolean {
  const [, pid, started, namespace] = namePattern.exec(name) ?? [];
  if (pid === undefined || namespace !== String(pidNamespace())) return false;
  // A pid is given out again; a pid with the same start time is the same process.
  return String(startTime(Number(pid))) !== started;
}

function pidNamespace(): number {
  if (process.platform !== "linux") return 0;
  try {
    return Number(/\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? 0);
  } catch {
    return 0;
  }
}
