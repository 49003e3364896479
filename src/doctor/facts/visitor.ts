import { Pool } from "undici";
import { boundedText } from "../../lib/bounded-text.ts";
import type { Visit } from "../../model/examination-gateway.ts";
import { LinkError, linkFailure } from "./link.ts";

export interface VisitorOptions {
  /** Of the gateway, without a trailing slash. */
  readonly url: string;
  readonly apiKey: string | undefined;
  /** PEM; the authorities that Node knows, without one. */
  readonly ca: string | undefined;
  readonly patienceMs: number;
  /** Ours, in milliseconds since 1970. */
  readonly clock: () => number;
}

export interface Request {
  readonly token?: string | undefined;
  /** `Accept-Profile`. */
  readonly schema?: string | undefined;
}

export interface VisitAndBody extends Visit {
  readonly body: string;
}

/** Longer than any answer to a question of doctor's. */
const mostBytes = 1024 * 1024;

/**
 * Asks a gateway by GET alone. Not the PostgREST client: what is asked may be answered by something else, and the answer's
 * envelope tells by what. A redirect is not followed.
 */
export class Visitor {
  readonly #options: VisitorOptions;
  readonly #pool: Pool;
  readonly #prefix: string;

  constructor(options: VisitorOptions) {
    const { origin } = new URL(options.url);
    const { patienceMs: timeout, ca } = options;
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
  async get(path: string, { token, schema }: Request = {}, fromRoot = false): Promise<VisitAndBody> {
    const { apiKey, clock, patienceMs } = this.#options;
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
        signal: AbortSignal.timeout(patienceMs),
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

/** PostgREST's `{"code", "message"}`, or the rows of a read; a front door says `{"message"}` or something else. */
function meaningOf(body: string): Pick<Visit, "code" | "message" | "rows"> {
  const value = parsed(body);
  if (Array.isArray(value)) return { code: undefined, message: "", rows: true };
  const { code, message, error }: Record<string, unknown> = { ...(value as object) };
  const isOwn = typeof code === "string" && /^(?:[0-9A-Z]{5}|PGRST[0-9A-Z]+|ROWGATE\d+)$/.test(code);
  const said = [message, error].find((one) => typeof one === "string");
  return { code: isOwn ? code : undefined, message: said ?? "", rows: false };
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
