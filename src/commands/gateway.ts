import { RowgateError } from "../model/errors.ts";
import { findPostgrest, type FoundPostgrest } from "../stage/postgrest/choose.ts";
import {
  cachedPostgrests,
  postgrestCache,
  releaseRecord,
  versionPattern,
} from "../stage/gateway/install/cache.ts";
import { installPostgrest } from "../stage/gateway/install/install.ts";
import type { Environment, ExitCode } from "./environment.ts";
import path from "node:path";

export interface InstallOptions {
  readonly releases?: string;
  readonly mirror?: string;
  readonly from?: string;
  readonly sha256?: string;
  /** Seconds. */
  readonly timeout: number;
}

/** `rowgate gateway install [version]`: PostgREST's official release into the user's cache. */
export async function gatewayInstallCommand(
  version: string | undefined,
  options: InstallOptions,
  environment: Environment,
): Promise<ExitCode> {
  const { variables, cwd, out, err, interrupted } = environment;
  const named = (name: string): string | undefined => variables[name] || undefined;
  const tag = version === undefined || version === "latest" ? undefined : checkedVersion(version);
  if (options.from === undefined) err.write(`fetching PostgREST ${tag ?? "(the latest release)"} …\n`);
  const { binary, record, wasThere, ...installed } = await installPostgrest({
    version: tag,
    sha256: options.sha256 === undefined ? undefined : checkedDigest(options.sha256),
    from: options.from === undefined ? undefined : path.resolve(cwd, options.from),
    releases: options.releases ?? named("ROWGATE_POSTGREST_RELEASES"),
    mirror: options.mirror ?? named("ROWGATE_POSTGREST_MIRROR"),
    timeoutMs: options.timeout * 1000,
    environment: variables,
    interrupted,
    platform: `${process.platform}-${process.arch}`,
  });
  out.write(
    `PostgREST ${installed.version}${wasThere ? " was there already" : ""}: ${binary}\n` +
      `  ${record.asset}\n  sha256 ${record.sha256}\n  from ${record.from}\n`,
  );
  const taken = findPostgrest(variables);
  out.write(
    taken?.binary === binary
      ? "--gateway auto takes it from now on\n"
      : `--gateway auto takes another: ${describe(taken)}\n`,
  );
  return 0;
}

/** `rowgate gateway list`: what is installed, and which PostgREST `--gateway auto` takes. */
export function gatewayListCommand({ variables, out }: Environment): Promise<ExitCode> {
  const cached = cachedPostgrests(variables);
  for (const one of cached) {
    const record = releaseRecord(one);
    const origin = record === undefined ? "put there by hand" : `sha256 ${record.sha256}`;
    out.write(`${one.version.padEnd(10)} ${one.binary}\n           ${origin}\n`);
  }
  if (cached.length === 0) out.write(`nothing is installed in ${postgrestCache(variables) ?? "a cache"}\n`);
  out.write(`--gateway auto takes ${describe(findPostgrest(variables))}\n`);
  return Promise.resolve(0);
}

/** `rowgate gateway path`: the PostgREST that `--gateway auto` takes, for a script. */
export function gatewayPathCommand({ variables, out }: Environment): Promise<ExitCode> {
  const taken = findPostgrest(variables);
  if (taken !== undefined) {
    out.write(`${taken.binary}\n`);
    return Promise.resolve(0);
  }
  throw new RowgateError({
    code: "gateway/no-postgrest",
    message: "there is no PostgREST: --gateway auto takes the builtin gateway",
    hint: "fetch it with `rowgate gateway install`",
  });
}

function describe(taken: FoundPostgrest | undefined): string {
  return taken === undefined ? "the builtin gateway" : `${taken.binary} (${taken.by})`;
}

function checkedVersion(given: string): string {
  const tag = given.startsWith("v") ? given : `v${given}`;
  if (versionPattern.test(tag)) return tag;
  throw new RowgateError({
    code: "usage/version",
    message: `${JSON.stringify(given)} is no version of PostgREST`,
    hint: "name a release, such as v16.2, or none for the latest",
  });
}

function checkedDigest(given: string): string {
  const digest = given.toLowerCase().replace(/^sha256:/, "");
  if (/^[0-9a-f]{64}$/.test(digest)) return digest;
  throw new RowgateError({
    code: "usage/digest",
    message: "--sha256 is no SHA-256 digest",
    hint: "it is 64 hexadecimal digits; the release's page shows it beside each file",
  });
}
