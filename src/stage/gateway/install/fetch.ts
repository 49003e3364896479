import { text } from "node:stream/consumers";
import { Readable } from "node:stream";
import type { Environment } from "./cache.ts";
import { installError, releasesPage } from "./errors.ts";
import { get, httpsUrl, save, type Saved, type Way } from "./https.ts";
import { networkError } from "./network.ts";
import { pickAsset, type Request, type WantedAsset } from "./release.ts";

export interface Sources {
  /** In place of GitHub's list of releases, which knows the digests; without a trailing slash. */
  readonly releases: string | undefined;
  /** In place of GitHub's downloads: `<mirror>/<version>/<asset>`. */
  readonly mirror: string | undefined;
  readonly environment: Environment;
}

/** An asset in a file. */
export interface Fetched extends Saved {
  readonly name: string;
  /** URL or path. */
  readonly from: string;
}

const api = "https://api.github.com/repos/PostgREST/postgrest/releases";
const downloads = `${releasesPage}/download`;

/** Bytes. A release's description has some twenty thousand, an asset some ten million. */
const mostOfDescription = 4 * 1024 * 1024;
const mostOfAsset = 256 * 1024 * 1024;

/** Asks which release there is and what its digests are. @throws RowgateError */
export async function findRelease(way: Way, request: Request & Sources): Promise<WantedAsset> {
  const base = httpsUrl(request.releases ?? api, "--releases (ROWGATE_POSTGREST_RELEASES)");
  const asked = request.version === undefined ? "latest" : `tags/${request.version}`;
  const answer = await get(way, below(base, asked), headers(base, request.environment));
  if (answer === undefined)
    throw installError(
      "download",
      `there is no release ${request.version ?? "of PostgREST"} at ${base.host}`,
      {
        hint: `see which there are: ${releasesPage}`,
      },
    );
  if (!/^application\/(?:[\w.+-]+\+)?json\b/.test(answer.contentType))
    throw wrongType(answer, "a release as JSON");
  return pickAsset(await readText(way, answer), request);
}

/** GitHub lets an address without a token ask 60 times an hour. The token goes to GitHub, and nowhere else. */
function headers(base: URL, { GITHUB_TOKEN: token = "" }: Environment): Record<string, string> {
  const own = { accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" };
  return base.host === "api.github.com" && token !== "" ? { ...own, authorization: `Bearer ${token}` } : own;
}

async function readText(
  way: Way,
  { url, body }: { readonly url: URL; readonly body: Readable },
): Promise<string> {
  let bytes = 0;
  async function* limited(): AsyncGenerator<Buffer> {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > mostOfDescription)
        throw installError(
          "download",
          `${url.host} sends more than the ${mostOfDescription} bytes that it may`,
        );
      yield chunk;
    }
  }
  try {
    return await text(Readable.from(limited()));
  } catch (cause) {
    throw networkError(url, cause, way, bytes);
  }
}

/** Downloads an asset into a new file; its digest is the caller's to compare. @throws RowgateError */
export async function fetchAsset(
  way: Way,
  wanted: WantedAsset,
  { mirror }: Sources,
  file: string,
): Promise<Fetched> {
  const base = httpsUrl(mirror ?? downloads, "--mirror (ROWGATE_POSTGREST_MIRROR)");
  for (const name of wanted.names) {
    const from = below(base, `${wanted.version}/${name}`);
    const answer = await get(way, from);
    if (answer === undefined) continue;
    if (/^(?:text\/|application\/(?:[\w.]+\+)?(?:json|xml)\b)/.test(answer.contentType))
      throw wrongType(answer, name);
    const most = wanted.size ?? mostOfAsset;
    return { ...(await save(answer, file, { ...way, most })), name, from: from.href };
  }
  throw installError("download", `${base.host} has no ${wanted.names.join(" and no ")}`, {
    hint: `the address asked was ${below(base, wanted.version).href}; which versions there are: ${releasesPage}`,
  });
}

function below(base: URL, rest: string): URL {
  return new URL(`${base.href.replace(/\/$/, "")}/${rest}`);
}

function wrongType(answer: { url: URL; contentType: string; body: Readable }, wanted: string): Error {
  answer.body.on("error", () => undefined).destroy();
  return installError(
    "download",
    `${answer.url.host} answers with ${answer.contentType || "no content type"}, not ${wanted}`,
    {
      hint: "a network that asks for a login, or a mirror's error page, does that: open the address in a browser",
    },
  );
}
