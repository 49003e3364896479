import { RowgateError } from "../../../model/errors.ts";

/** Where PostgREST's releases are, for a person. */
export const releasesPage = "https://github.com/PostgREST/postgrest/releases";

type Kind = "usage" | "offline" | "download" | "digest" | "asset" | "program" | "cache";

/** Code `gateway/install-<kind>`. Whatever went wrong, nothing was installed. */
export function installError(
  kind: Kind,
  message: string,
  more: { readonly details?: string; readonly hint?: string; readonly cause?: unknown } = {},
): RowgateError {
  return new RowgateError({ code: `gateway/install-${kind}`, message, ...more });
}

/** What to do where the network does not lead to GitHub. */
export function byHand(version: string | undefined, assets: readonly string[]): string {
  const page = version === undefined ? `${releasesPage}/latest` : `${releasesPage}/tag/${version}`;
  const name = assets[0]?.replace("VERSION", version ?? "<version>") ?? "the asset of this platform";
  return [
    "behind a proxy set HTTPS_PROXY (and NODE_EXTRA_CA_CERTS to its CA); with a mirror use --mirror <url> and --sha256 <digest>",
    `by hand: where there is a network, download ${name} from ${page},`,
    "note the sha256 that stands beside it there, bring the file here, and",
    `  rowgate gateway install ${version ?? "<version>"} --from <file> --sha256 <digest>`,
  ].join("\n");
}

/** @param doing the first words of the sentence: `could not write in the cache`. */
export function diskError(doing: string, place: string, cause: unknown): RowgateError {
  if (cause instanceof RowgateError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return installError("cache", `${doing} ${place}: ${why}`, {
    hint: "make room or give this user the right to write there, or set XDG_CACHE_HOME to another folder",
    cause,
  });
}
