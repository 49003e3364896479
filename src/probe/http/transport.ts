import { Pool } from "undici";
import type { Dispatcher } from "undici";
import { WriteRefused } from "../../model/posture.ts";
import { ProbeFailure } from "./failure.ts";
import { projectOf } from "./clients.ts";
import { type RawReply, ResponseHandler } from "./response-handler.ts";

export interface TransportOptions {
  /** Of the gateway, as in the target: without a trailing slash. */
  readonly url: string;
  readonly connections: number;
  readonly timeoutMs: number;
  /** The authority's certificate in PEM form; without it, those that Node knows. */
  readonly ca?: string | undefined;
  /** Only GET and HEAD are sent, whatever was planned. */
  readonly readOnly: boolean;
}

/** What supabase-js's builders can do, once their request is complete. */
export interface Sendable {
  retry(enabled: boolean): unknown;
  abortSignal(signal: AbortSignal): PromiseLike<unknown>;
}

/** A request of supabase-js, from when it is handed over until the client has finished with it. */
interface Pending {
  /** Sent instead of the client's own body, which would round the numbers in a JSON value. */
  readonly body: string | undefined;
  outcome: Outcome | undefined;
}

type Outcome = { readonly reply: RawReply } | { readonly error: Error };

/** A request as it is sent, and as people read it. */
interface Sent {
  readonly options: Dispatcher.DispatchOptions;
  readonly sent: () => string;
}

// The client learns that there was an answer, and no more: it would parse the body (and round its numbers), hide the
// headers and rewrite some statuses. Not a Response either: to make and read a real one costs as much as the request.
const answered = {
  ok: true,
  status: 204,
  statusText: "",
  headers: new Headers(),
  text: () => Promise.resolve(""),
} as unknown as Response;

/**
 * A `fetch` for supabase-js over kept-alive connections, in which the raw answers are observed. A request and its answer
 * are matched by the request's AbortSignal, the one thing that the client hands through unchanged.
 */
export class Transport {
  readonly fetch: typeof globalThis.fetch;
  readonly #pool: Pool;
  readonly #url: string;
  /** What the client writes before a path, and what the gateway wants there. */
  readonly #written: number;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #readOnly: boolean;
  readonly #pending = new Map<AbortSignal, Pending>();
  // None is ever aborted, so each can be used again.
  readonly #idle: AbortSignal[] = [];
  #requests = 0;
  #remembers = false;
  #answeredRead: Sent | undefined;
  #answeredReads = 0;

  constructor({ url, connections, timeoutMs, readOnly, ca }: TransportOptions) {
    const { origin, pathname } = new URL(url);
    this.#prefix = pathname.replace(/\/$/, "");
    this.#written = `${projectOf(url)}/rest/v1`.length;
    this.#url = url;
    this.#timeoutMs = timeoutMs;
    this.#readOnly = readOnly;
    this.#pool = new Pool(origin, {
      connections,
      pipelining: 1,
      connect: { timeout: timeoutMs, ...(ca !== undefined && { ca }) },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    this.fetch = (input, init = {}) => this.#fetch(String(input), init);
  }

  get requests(): number {
    return this.#requests;
  }

  /** Has the client send its request; `body`: instead of its own. Throws ProbeFailure when no whole answer comes back. */
  async send(request: Sendable, body?: string): Promise<RawReply> {
    const signal = this.#idle.pop() ?? new AbortController().signal;
    const pending: Pending = { body, outcome: undefined };
    this.#pending.set(signal, pending);
    request.retry(false);
    // What the client throws (a schema that no header can carry) is the failure of this request alone.
    const result = await Promise.resolve(request.abortSignal(signal)).catch((error: unknown) => ({ error }));
    this.#pending.delete(signal);
    this.#idle.push(signal);
    return replyOf(pending.outcome, result);
  }

  async close(): Promise<void> {
    // Not close(): a request that hangs must not keep the run from ending.
    await this.#pool.destroy();
  }

  #fetch(url: string, { method = "GET", headers, body, signal }: RequestInit): Promise<Response> {
    const pending = signal ? this.#pending.get(signal) : undefined;
    if (pending === undefined) throw new Error("a request that was not handed to send()");
    const path = url.slice(this.#written);
    const text = pending.body ?? (typeof body === "string" ? body : undefined);
    const sent = (): string => describe(method, path, text);
    if (this.#readOnly && method !== "GET" && method !== "HEAD") {
      pending.outcome = { error: new WriteRefused(sent()) };
      return Promise.resolve(answered);
    }
    const options: Dispatcher.DispatchOptions = {
      path: this.#prefix + path,
      method: method as Dispatcher.HttpMethod,
      headers: headers as Headers,
      body: text ?? null,
    };
    return this.#dispatch({ options, sent }, pending);
  }

  /** Each with the same chance, however many there are: whatever plays answers back cannot know which. */
  #remember({ status, cached }: RawReply, read: Sent): void {
    if (!this.#remembers || read.options.method !== "GET" || status >= 300 || cached !== undefined) return;
    this.#answeredReads += 1;
    if (Math.random() * this.#answeredReads < 1) this.#answeredRead = read;
  }

  /** From now on reads that are answered may be sent again. */
  rememberReads(): void {
    this.#remembers = true;
  }

  /**
   * Sends one of the reads that were answered since the last time once more, with another `Authorization`. `undefined`:
   * there were none.
   */
  async askAgain(authorization: string): Promise<RawReply | undefined> {
    const read = this.#answeredRead;
    if (read === undefined) return undefined;
    this.#answeredRead = undefined;
    this.#answeredReads = 0;
    const headers = new Headers(read.options.headers as Headers);
    headers.set("authorization", authorization);
    const pending: Pending = { body: undefined, outcome: undefined };
    await this.#dispatch({ ...read, options: { ...read.options, headers } }, pending);
    return replyOf(pending.outcome);
  }

  #dispatch(request: Sent, pending: Pending): Promise<Response> {
    this.#requests += 1;
    return new Promise((resolve) => {
      const settle = (outcome: Outcome): void => {
        pending.outcome = outcome;
        resolve(answered);
      };
      const handler = new ResponseHandler({
        resolve: (reply) => {
          this.#remember(reply, request);
          settle({ reply });
        },
        reject: (error) => settle({ error }),
        sent: request.sent,
        url: this.#url,
        timeoutMs: this.#timeoutMs,
      });
      this.#pool.dispatch(request.options, handler);
    });
  }
}

/** `result`: what the client made of it, which counts only where it has sent nothing. */
function replyOf(outcome: Outcome | undefined, result?: unknown): RawReply {
  if (outcome === undefined) {
    const { error } = { ...(result as { error?: { message?: string } | null }) };
    const why = error?.message ?? "no reason was given";
    throw new ProbeFailure("protocol", `supabase-js did not send its request: ${why}`);
  }
  if ("error" in outcome) throw outcome.error;
  return outcome.reply;
}

/** `PATCH /courses?id=not.is.null {"title":"probe"}`; the path has no blank. No header: one holds the token. */
function describe(method: string, path: string, body: string | undefined): string {
  const readable = path.replaceAll(/%(?:2C|28|29|3A)/g, decodeURIComponent);
  return `${method} ${readable}${body === undefined ? "" : ` ${body}`}`;
}
