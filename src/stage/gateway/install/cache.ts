import { accessSync, constants, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import * as z from "zod";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A PostgREST that `rowgate gateway install` fetched. */
export interface CachedPostgrest {
  /** The release's tag: `v16.2`. */
  readonly version: string;
  readonly binary: string;
}

/** How a cached PostgREST came: lies beside it, as `release.json`. */
export interface ReleaseRecord {
  readonly version: string;
  readonly asset: string;
  /** Of the asset, lower-case hex. */
  readonly sha256: string;
  /** Of the program in it. */
  readonly programSha256: string;
  /** URL or file. */
  readonly from: string;
  /** ISO 8601. */
  readonly installedAt: string;
}

export const recordName = "release.json";
/** Names the version that is taken: the one installed last. */
export const currentName = "current";
export const versionPattern: RegExp = /^v\d{1,6}(?:\.\d{1,6}){1,3}$/;

const recordShape = z.object({
  version: z.string(),
  asset: z.string(),
  sha256: z.string(),
  programSha256: z.string(),
  from: z.string(),
  installedAt: z.string(),
});

/** What the program is called inside an asset and in the cache. */
export function programName(platform: string = process.platform): string {
  return platform.startsWith("win32") ? "postgrest.exe" : "postgrest";
}

/**
 * The folder that holds a folder for each version, of this platform alone: a home may be shared by unlike machines.
 * `undefined` for a user without a home.
 * Source: https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function postgrestCache(environment: Environment): string | undefined {
  const root = userCache(environment);
  return root && path.join(root, "rowgate", "postgrest", `${process.platform}-${process.arch}`);
}

function userCache(environment: Environment): string | undefined {
  const named = environment["XDG_CACHE_HOME"] ?? "";
  // The specification: a relative path is to be ignored.
  if (path.isAbsolute(named)) return named;
  const local = environment["LOCALAPPDATA"];
  if (process.platform === "win32" && local) return local;
  const home = homeOf(environment);
  return home && path.join(home, process.platform === "darwin" ? "Library/Caches" : ".cache");
}

function homeOf(environment: Environment): string | undefined {
  const named = environment["HOME"] ?? "";
  if (path.isAbsolute(named)) return named;
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/** Every version that can be run, the newest first. */
export function cachedPostgrests(environment: Environment): readonly CachedPostgrest[] {
  const cache = postgrestCache(environment);
  if (cache === undefined) return [];
  return namesIn(cache)
    .filter((name) => versionPattern.test(name))
    .toSorted((one, other) => other.localeCompare(one, "en", { numeric: true }))
    .map((version) => ({ version, binary: path.join(cache, version, programName()) }))
    .filter(({ binary }) => isExecutable(binary));
}

/** The version installed last; the newest, when that one was removed by hand. */
export function preferredPostgrest(environment: Environment): CachedPostgrest | undefined {
  const all = cachedPostgrests(environment);
  const current = readOrNothing(path.join(postgrestCache(environment) ?? "", currentName))?.trim();
  return all.find(({ version }) => version === current) ?? all[0];
}

/** `undefined` for a version that was put there by hand. */
export function releaseRecord({ binary }: CachedPostgrest): ReleaseRecord | undefined {
  const text = readOrNothing(path.join(path.dirname(binary), recordName));
  try {
    return recordShape.parse(JSON.parse(text ?? ""));
  } catch {
    return undefined;
  }
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readOrNothing(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
