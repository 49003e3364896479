import { access, constants, copyFile, mkdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { postgrestCache, programName, recordName } from "./cache.ts";
import type { CachedPostgrest, Environment, ReleaseRecord } from "./cache.ts";
import { byHand, diskError, installError } from "./errors.ts";
import { fetchAsset, type Fetched, findRelease, type Sources } from "./fetch.ts";
import { openWay, type Way } from "./https.ts";
import { assetNames, type WantedAsset } from "./release.ts";
import { alreadyThere, clearRoom, digestOf, makeCurrent, makeRoom, publish } from "./room.ts";
import { tryOut } from "./try-out.ts";
import { unpack } from "./unpack.ts";

export interface InstallRequest extends Sources {
  /** A release's tag, `v16.2`; the latest release when there is none. */
  readonly version: string | undefined;
  /** Lower-case hex; needed with `from`. */
  readonly sha256: string | undefined;
  /** An asset that was downloaded by hand. */
  readonly from: string | undefined;
  /** Milliseconds, for all of it. */
  readonly timeoutMs: number;
  readonly environment: Environment;
  readonly interrupted: AbortSignal;
  /** `<process.platform>-<process.arch>`, as Node names them. */
  readonly platform: string;
}

export interface Installed extends CachedPostgrest {
  readonly record: ReleaseRecord;
  /** Nothing was fetched. */
  readonly wasThere: boolean;
}

/**
 * Fetches an official release of PostgREST into the user's cache: digest checked, unpacked, tried out, and only then put
 * in its place, by one rename. Whatever goes wrong, the cache is as it was.
 * @throws RowgateError `gateway/install-…`
 */
export async function installPostgrest(request: InstallRequest): Promise<Installed> {
  const { environment } = request;
  const names = assetNames(request.platform);
  const cache = postgrestCache(environment);
  if (cache === undefined)
    throw installError("cache", "this user has no home, and so no cache", { hint: "set XDG_CACHE_HOME" });
  const signal = AbortSignal.any([request.interrupted, AbortSignal.timeout(request.timeoutMs)]);
  const dispatcher = openWay(environment);
  try {
    const way = { dispatcher, signal, hint: byHand(request.version, names) };
    const installed =
      (request.version && (await alreadyThere(environment, request.version, request.sha256))) ||
      (await fetchAndInstall(way, request, await findWanted(way, request, names), cache));
    await makeCurrent(cache, installed.version);
    return installed;
  } finally {
    await dispatcher.destroy();
  }
}

/** What is known without asking anybody needs no network. */
async function findWanted(way: Way, request: InstallRequest, names: readonly string[]): Promise<WantedAsset> {
  const { version, sha256, from } = request;
  if (version !== undefined && sha256 !== undefined)
    return { version, sha256, names: names.map((name) => name.replace("VERSION", version)), size: undefined };
  if (from === undefined) return findRelease(way, request);
  throw installError("usage", "--from needs the version and --sha256", { hint: way.hint });
}

async function fetchAndInstall(
  way: Way,
  request: InstallRequest,
  wanted: WantedAsset,
  cache: string,
): Promise<Installed> {
  const { environment } = request;
  const { version } = wanted;
  const there = await alreadyThere(environment, version, wanted.sha256);
  if (there !== undefined) return there;
  const room = await makeRoom(cache);
  try {
    const file = path.join(room, "asset");
    const fetched =
      request.from === undefined
        ? await fetchAsset(way, wanted, request, file)
        : await copyAsset(request.from, file);
    checkDigest(fetched, wanted);
    const program = path.join(room, version, programName(request.platform));
    await inCache(program, () => mkdir(path.dirname(program), { mode: 0o700 }));
    await unpack({ file, name: fetched.name, program: path.basename(program) }, program);
    await tryOut(program, version, { environment, signal: way.signal });
    const record = await inCache(program, () => writeRecord(program, version, fetched));
    await publish(room, path.dirname(program), { record, environment });
    return { version, binary: path.join(cache, version, path.basename(program)), record, wasThere: false };
  } finally {
    await clearRoom(room);
  }
}

async function copyAsset(from: string, file: string): Promise<Fetched> {
  try {
    await access(from, constants.R_OK);
    if (!(await stat(from)).isFile()) throw new Error(`${from} is no file`);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw installError("asset", `cannot read what --from names: ${why}`, { cause });
  }
  await inCache(file, () => copyFile(from, file));
  const { size: bytes } = await stat(file);
  return { name: path.basename(from), from, bytes, sha256: await digestOf(file) };
}

function checkDigest({ name, sha256, bytes, from }: Fetched, wanted: WantedAsset): void {
  if (sha256 === wanted.sha256) return;
  const isShort = wanted.size !== undefined && bytes < wanted.size;
  const ended = isShort ? `: it ended after ${bytes} of ${wanted.size} bytes` : "";
  throw installError("digest", `${name} has another SHA-256 than it should${ended}`, {
    details: `expected ${wanted.sha256}\nfound    ${sha256} (${bytes} bytes from ${from})`,
    hint: isShort ? "try again" : "do not run that file; find out who changed it",
  });
}

async function writeRecord(program: string, version: string, fetched: Fetched): Promise<ReleaseRecord> {
  const { name: asset, sha256, from } = fetched;
  const programSha256 = await digestOf(program);
  const record = { version, asset, sha256, programSha256, from, installedAt: new Date().toISOString() };
  const text = `${JSON.stringify(record, undefined, 2)}\n`;
  await writeFile(path.join(path.dirname(program), recordName), text, { mode: 0o600 });
  return record;
}

async function inCache<T>(place: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    throw diskError("could not write", place, cause);
  }
}
