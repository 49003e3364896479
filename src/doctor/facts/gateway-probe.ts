import { Pool } from "undici";
import { boundedText } from "../../lib/bounded-text.ts";
import type { QualifiedName } from "../../lib/sql-text.ts";
import { LinkError, linkFailure } from "../../probe/link-failure.ts";
import type { ProbeReply } from "../facts.ts";

export interface GatewayProbeOptions {
  /** Of the gateway, without a trailing slash. */
  readonly url: string;
  readonly apiKey: string | undefined;
  /** PEM; the authorities that Node knows, without one. */
  readonly ca: string | undefined;
  readonly timeoutMs: number;
  /** Ours, in milliseconds since 1970. */
  readonly clock: () => number;
}

export interface Request {
  readonly token?: string | undefined;
  /** `Accept-Profile`. */
  readonly schema?: string | undefined;
}

export interface ReplyAndBody extends ProbeReply {
  readonly body: string;
}

/** Longer than any answer that doctor needs. */
const mostBytes = 1024 * 1024;

/**
 * Sends only GETs. Not the PostgREST client: another server may answer, and status, headers and body show which. Follows no
 * redirect.
 */
export class GatewayProbe {
  readonly #options: GatewayProbeOptions;
  readonly #pool: Pool;
  readonly #prefix: string;

  constructor(options: GatewayProbeOptions) {
    const { origin } = new URL(options.url);
    const { timeoutMs: timeout, ca } = options;
    this.#options = options;
    this.#prefix = options.url.slice(origin.length);
    this.#pool = new Pool(origin, {
      connections: 8,
      connect: { timeout, ...(ca !== undefined && { ca }) },
      headersTimeout: timeout,
      bodyTimeout: timeout,
    });
  }

  /** `path` begins with a slash, from the REST URL or (`fromRoot`) from its host. @throws LinkError */
  async get(path: string, { token, schema }: Request = {}, fromRoot = false): Promise<ReplyAndBody> {
    const { apiKey, clock, timeoutMs } = this.#options;
    const headers = {
      accept: "application/json",
      ...(apiKey !== undefined && { apikey: apiKey }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(schema !== undefined && { "accept-profile": schema }),
    };
    const asked = clock();
    try {
      const answer = await this.#pool.request({
        path: `${fromRoot ? "" : this.#prefix}${path}`,
        method: "GET",
        headers,
        // undici's own timers start anew with every chunk.
        signal: AbortSignal.timeout(timeoutMs),
      });
      const answered = clock();
      const body = await textOf(answer.body);
      const { date, location } = answer.headers;
      return {
        ...meaningOf(body),
        body,
        status: answer.statusCode,
        clockAhead: aheadOf(date, (asked + answered) / 2),
        location: typeof location === "string" ? bare(location) : undefined,
      };
    } catch (error) {
      throw new LinkError(linkFailure(error));
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const text = await boundedText(body, mostBytes);
  if (text !== undefined) return text;
  throw new LinkError({ code: "unknown", message: `the answer is longer than ${mostBytes} bytes` });
}

/** PostgREST's `{"code", "message"}`, or the rows of a read; a proxy answers `{"message"}` or something else. */
function meaningOf(body: string): Pick<ProbeReply, "code" | "message" | "rows"> {
  const value = parsed(body);
  if (Array.isArray(value)) return { code: undefined, message: "", rows: true };
  const { code, message, error }: Record<string, unknown> = { ...(value as object) };
  const isOwn = typeof code === "string" && /^(?:[0-9A-Z]{5}|PGRST[0-9A-Z]+|ROWGATE\d+)$/.test(code);
  const text = [message, error].find((one) => typeof one === "string");
  return { code: isOwn ? code : undefined, message: text ?? "", rows: false };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** The header counts whole seconds and rounds down. */
function aheadOf(date: unknown, ours: number): number | undefined {
  const theirs = typeof date === "string" ? Date.parse(date) : Number.NaN;
  return Number.isNaN(theirs) ? undefined : theirs + 500 - ours;
}

/** Without query: a login page may repeat what it was asked with. */
function bare(location: string): string {
  return location.replace(/[?#].*$/s, "");
}

/** `/courses?limit=0`; a name may contain characters that end a path. */
export function pathOf({ name }: QualifiedName, query = "limit=0"): string {
  return `/${encodeURIComponent(name)}?${query}`;
}
