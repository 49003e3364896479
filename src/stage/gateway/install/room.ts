import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { cachedPostgrests, currentName, releaseRecord } from "./cache.ts";
import type { CachedPostgrest, Environment, ReleaseRecord } from "./cache.ts";
import { diskError } from "./errors.ts";

// A dot first: nothing that lists versions sees it.
const prefix = ".partial-";
/** Milliseconds; longer than any install may take: `--timeout` allows a day. */
const abandonedAfter = 25 * 3600 * 1000;

/** A folder of its own beside the versions, so that what is whole can be renamed into place. @throws RowgateError */
export async function makeRoom(cache: string): Promise<string> {
  try {
    await mkdir(cache, { recursive: true, mode: 0o700 });
    await sweep(cache);
    return await mkdtemp(path.join(cache, prefix));
  } catch (cause) {
    throw diskError("could not use the cache", cache, cause);
  }
}

/** Removes what killed installs left. */
async function sweep(cache: string): Promise<void> {
  for (const name of (await readdir(cache)).filter((one) => one.startsWith(prefix))) {
    const left = path.join(cache, name);
    const { mtimeMs } = await stat(left).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > abandonedAfter) await clearRoom(left);
  }
}

export async function clearRoom(room: string): Promise<void> {
  await rm(room, { recursive: true, force: true }).catch(() => undefined);
}

/** What is in the cache already, if it is that asset's and nobody has changed it. */
export async function alreadyThere(
  environment: Environment,
  version: string,
  sha256: string | undefined,
): Promise<(CachedPostgrest & { readonly record: ReleaseRecord; readonly wasThere: true }) | undefined> {
  const cached = cachedPostgrests(environment).find((one) => one.version === version);
  const record = cached && releaseRecord(cached);
  if (cached === undefined || record === undefined) return undefined;
  if (sha256 !== undefined && sha256 !== record.sha256) return undefined;
  // Another install may be replacing it at this moment, or it may not be read: then it is not there.
  const isIntact = (await digestOf(cached.binary).catch(() => "")) === record.programSha256;
  return isIntact ? { ...cached, record, wasThere: true } : undefined;
}

/** SHA-256, lower-case hex. */
export async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/**
 * Puts a whole folder in its place by one rename. Of two installs of one asset the first stays; a version with another
 * digest is replaced.
 */
export async function publish(
  room: string,
  ready: string,
  { record, environment }: { readonly record: ReleaseRecord; readonly environment: Environment },
): Promise<void> {
  const final = path.join(path.dirname(room), record.version);
  for (let aside = 0; ; aside += 1) {
    try {
      return await rename(ready, final);
    } catch (cause) {
      if ((await alreadyThere(environment, record.version, record.sha256)) !== undefined) return;
      if (aside === 3) throw diskError("could not put the program in", final, cause);
    }
    // ENOENT: somebody else has moved it.
    await rename(final, path.join(room, `old-${aside}`)).catch(() => undefined);
  }
}

/** From now on `version` is the one that is taken. */
export async function makeCurrent(cache: string, version: string): Promise<void> {
  const room = await makeRoom(cache);
  try {
    const file = path.join(room, currentName);
    await writeFile(file, `${version}\n`, { mode: 0o600 });
    await rename(file, path.join(cache, currentName));
  } catch (cause) {
    throw diskError("could not write in the cache", cache, cause);
  } finally {
    await clearRoom(room);
  }
}
