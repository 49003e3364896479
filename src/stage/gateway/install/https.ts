import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Dispatcher, EnvHttpProxyAgent, request } from "undici";
import type { Environment } from "./cache.ts";
import { diskError, installError } from "./errors.ts";
import { networkError, refusedStatus } from "./network.ts";

/** Redirects that are followed: GitHub sends an asset's reader on once. */
const hops = 5;
/** Milliseconds without a byte. */
const idle = 30_000;

export interface Answer {
  readonly url: URL;
  readonly contentType: string;
  readonly body: Readable;
}

export interface Saved {
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** The way out: https only, through the environment's proxy, until `signal`. */
export interface Way {
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  /** Appended to what happened when the network leads nowhere. */
  readonly hint: string;
}

/** @throws RowgateError for a proxy's URL that is none; it is not repeated, since it may hold a password. */
export function openWay(environment: Environment): EnvHttpProxyAgent {
  const first = (name: string): string =>
    environment[name.toLowerCase()] ?? environment[name.toUpperCase()] ?? "";
  try {
    return new EnvHttpProxyAgent({
      httpProxy: first("http_proxy"),
      httpsProxy: first("https_proxy"),
      noProxy: first("no_proxy"),
      headersTimeout: idle,
      bodyTimeout: idle,
    });
  } catch (cause) {
    throw installError("usage", "HTTPS_PROXY or HTTP_PROXY is no URL of a proxy", {
      hint: "it looks like http://proxy.example:3128",
      cause,
    });
  }
}

/** An https URL. @throws RowgateError when it is none, or holds what errors would show (a password, a signature) */
export function httpsUrl(text: string, what: string): URL {
  const url = parseUrl(text);
  if (url?.protocol !== "https:")
    throw installError(
      "usage",
      `${what} is no https URL${url === undefined ? "" : `: ${url.protocol}//${url.host}`}`,
      {
        hint: "what is fetched here is run: it comes over https or not at all",
      },
    );
  const excess = [
    url.username !== "" || url.password !== "" ? "a name or a password" : "",
    url.search !== "" || url.hash !== "" ? "a query or a fragment, behind which no path can stand" : "",
  ].find((found) => found !== "");
  if (excess !== undefined)
    throw installError("usage", `${what} holds ${excess}: ${url.host}`, {
      hint: "download by hand, and install with --from <file> --sha256 <digest>",
    });
  return url;
}

/**
 * GET, following redirects within https; headers go to the first address only. `undefined` for 404.
 * @throws RowgateError
 */
export async function get(
  way: Way,
  start: URL,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer | undefined> {
  let url = start;
  for (let hop = 0; hop <= hops; hop += 1) {
    const answer = await ask(way, url, hop === 0 ? headers : {});
    const { statusCode: status, body } = answer;
    if (status === 200) return { url, contentType: one(answer.headers["content-type"]), body };
    // Its body is of no use, and its end may never come.
    body.on("error", () => undefined).destroy();
    if (status === 404) return undefined;
    if (status < 300 || status > 399) throw refusedStatus(status, url, way.hint);
    url = next(url, one(answer.headers.location));
  }
  throw installError("download", `${start.host} redirects more than ${hops} times`, { hint: way.hint });
}

async function ask(
  { dispatcher, signal, hint }: Way,
  url: URL,
  headers: Readonly<Record<string, string>>,
): Promise<Dispatcher.ResponseData> {
  try {
    return await request(url, { dispatcher, signal, headers: { "user-agent": "rowgate", ...headers } });
  } catch (cause) {
    throw networkError(url, cause, { signal, hint });
  }
}

function next(from: URL, location: string): URL {
  const to = location === "" ? undefined : parseUrl(location, from);
  if (to?.protocol === "https:") return to;
  const where = to === undefined ? "nowhere" : `${to.protocol}//${to.host}`;
  throw installError("download", `${from.host} redirects to ${where}, which is not https`, {
    hint: "a network that asks for a login does that; sign in to it, or use a mirror (--mirror)",
  });
}

function parseUrl(text: string, base?: URL): URL | undefined {
  return URL.canParse(text, base?.href) ? new URL(text, base) : undefined;
}

function one(header: string | readonly string[] | undefined): string {
  return (typeof header === "string" ? header : header?.[0]) ?? "";
}

/** Writes a new file of at most `most` bytes. @throws RowgateError; what was written in part is the caller's to remove */
export async function save(
  source: { readonly url: URL; readonly body: Readable },
  file: string,
  limits: { readonly most: number; readonly signal: AbortSignal; readonly hint: string },
): Promise<Saved> {
  const hash = createHash("sha256");
  let bytes = 0;
  async function* measured(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of source.body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > limits.most)
          throw installError(
            "download",
            `${source.url.host} sends more than the ${limits.most} bytes that it may`,
          );
        hash.update(chunk);
        yield chunk;
      }
    } catch (cause) {
      throw networkError(source.url, cause, limits, bytes);
    }
  }
  try {
    await pipeline(measured, createWriteStream(file, { flags: "wx", mode: 0o600 }), {
      signal: limits.signal,
    });
  } catch (cause) {
    throw limits.signal.aborted
      ? networkError(source.url, cause, limits, bytes)
      : diskError("could not write", file, cause);
  }
  return { bytes, sha256: hash.digest("hex") };
}
