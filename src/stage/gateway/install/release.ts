import * as z from "zod";
import { versionPattern } from "./cache.ts";
import { installError, releasesPage } from "./errors.ts";

/** A file of a release, before it is fetched: of two names, an older release has the later one. */
export interface WantedAsset {
  readonly version: string;
  readonly names: readonly string[];
  /** Lower-case hex. */
  readonly sha256: string;
  /** Bytes, where the release says so. */
  readonly size: number | undefined;
}

/**
 * How the names of a platform's assets end, those of today first. Linux aarch64 is static since v16.0; `x64` became
 * `x86-64` in v12.2.4.
 * Source: .github/workflows/release.yaml of https://github.com/PostgREST/postgrest
 */
const endings: Readonly<Record<string, readonly string[]>> = {
  "linux-x64": ["linux-static-x86-64.tar.xz", "linux-static-x64.tar.xz"],
  "linux-arm64": ["linux-static-aarch64.tar.xz", "ubuntu-aarch64.tar.xz"],
  "darwin-arm64": ["macos-aarch64.tar.xz"],
  "darwin-x64": ["macos-x86-64.tar.xz", "macos-x64.tar.xz"],
  "freebsd-x64": ["freebsd-x86-64.tar.xz", "freebsd-x64.tar.xz"],
  "win32-x64": ["windows-x86-64.zip", "windows-x64.zip"],
};

/** Names with `VERSION` in them. @throws RowgateError for a platform without a build */
export function assetNames(platform: string): readonly string[] {
  const known = endings[platform];
  if (known !== undefined) return known.map((ending) => `postgrest-VERSION-${ending}`);
  throw installError("usage", `PostgREST publishes no program for ${platform}`, {
    hint: `build it (https://postgrest.org), and name it with ROWGATE_POSTGREST_BIN; there are: ${Object.keys(endings).join(", ")}`,
  });
}

/** What GitHub's API says of a release. Source: https://docs.github.com/en/rest/releases/releases#get-a-release */
const shape = z.object({
  tag_name: z.string().regex(versionPattern),
  assets: z.array(
    z.object({
      name: z.string(),
      size: z.number().int().nonnegative(),
      // Null for what was uploaded before June 2025.
      digest: z.string().nullish(),
    }),
  ),
});

export interface Request {
  readonly platform: string;
  /** Asked for; the latest otherwise. */
  readonly version: string | undefined;
  /** Given by the user; must then be the published one too. */
  readonly sha256: string | undefined;
}

/** @throws RowgateError for an answer that is none, another release's, or without this platform or a digest. */
export function pickAsset(text: string, request: Request): WantedAsset {
  const { tag_name: version, assets } = parse(text);
  if (request.version !== undefined && request.version !== version)
    throw installError("download", `asked for ${request.version}, and was told of ${version}`);
  const names = assetNames(request.platform).map((name) => name.replace("VERSION", version));
  const asset = names.flatMap((name) => assets.filter((one) => one.name === name))[0];
  if (asset === undefined)
    throw installError("download", `the release ${version} has no ${names.join(" and no ")}`, {
      hint: `choose another version: ${releasesPage}`,
    });
  const published = sha256In(asset.digest);
  if (published !== undefined && request.sha256 !== undefined && published !== request.sha256)
    throw installError("digest", `${asset.name} is published with another digest than --sha256`, {
      details: `published  ${published}\n--sha256   ${request.sha256}`,
      hint: "find out which is right before anything is installed",
    });
  const sha256 = request.sha256 ?? published;
  if (sha256 === undefined)
    throw installError("digest", `${asset.name} was published without a SHA-256 digest`, {
      hint: "take a newer version, or give the digest that you trust with --sha256",
    });
  return { version, names: [asset.name], sha256, size: asset.size };
}

function parse(text: string): z.infer<typeof shape> {
  try {
    return shape.parse(JSON.parse(text));
  } catch (cause) {
    const details = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw installError("download", "the list of releases did not answer with a release", { details, cause });
  }
}

function sha256In(digest: string | null | undefined): string | undefined {
  return /^sha256:([0-9a-f]{64})$/.exec(digest ?? "")?.[1];
}
