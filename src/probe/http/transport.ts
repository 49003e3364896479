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

export interface HttpRequest {
  /** Called anew for each try. */
  readonly build: () => Sendable;
  /** Sent instead of the body that supabase-js would write, which would round the numbers in a JSON value. */
  readonly body?: string | undefined;
  readonly shape?: Shape | undefined;
}

/**
 * Requests that supabase-js writes alike but for the token and the body. It writes the first of them, and the others repeat
 * what it wrote: to write a request costs as much as to send it.
 */
export interface Shape {
  readonly key: string;
  readonly authorization: string | undefined;
  readonly body: () => string | undefined;
}

/** A request as supabase-js has written it, without its token and its body. */
interface Written {
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

interface Pending {
  /** What is to be sent; absent: it is not the client that writes it. */
  readonly request?: HttpRequest;
  outcome: Outcome | undefined;
}

type Outcome = { readonly reply: RawReply } | { readonly error: Error };

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
  readonly #clientPrefix: number;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #readOnly: boolean;
  readonly #shapes = new Map<string, Written>();
  readonly #pending = new Map<AbortSignal, Pending>();
  // None is ever aborted, so each can be used again.
  readonly #idle: AbortSignal[] = [];
  #requests = 0;
  #remembers = false;
  #answeredRead: Written | undefined;
  #answeredReads = 0;

  constructor({ url, connections, timeoutMs, readOnly, ca }: TransportOptions) {
    const { origin, pathname } = new URL(url);
    this.#prefix = pathname.replace(/\/$/, "");
    this.#clientPrefix = `${projectOf(url)}/rest/v1`.length;
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

  /** Throws ProbeFailure when no whole answer comes back. @throws WriteRefused */
  async send(request: HttpRequest): Promise<RawReply> {
    const { shape } = request;
    const written = shape && this.#shapes.get(shape.key);
    if (shape === undefined || written === undefined) return await this.#sendWritten(request);
    const pending: Pending = { outcome: undefined };
    await this.#dispatch(written, shape.authorization, shape.body(), pending);
    return replyOf(pending.outcome);
  }

  /** Has the client write and send its request. */
  async #sendWritten(request: HttpRequest): Promise<RawReply> {
    const signal = this.#idle.pop() ?? new AbortController().signal;
    const pending: Pending = { request, outcome: undefined };
    this.#pending.set(signal, pending);
    let result: unknown;
    try {
      const draft = request.build();
      draft.retry(false);
      result = await draft.abortSignal(signal);
    } catch (error) {
      // What the client throws (a schema that no header can carry) is the failure of this request alone.
      result = { error };
    }
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
    let authorization: string | undefined;
    const others: string[] = [];
    for (const [name, value] of headers as Headers) {
      if (name === "authorization") authorization = value;
      else others.push(name, value);
    }
    const path = this.#prefix + url.slice(this.#clientPrefix);
    const written: Written = { method: method as Dispatcher.HttpMethod, path, headers: others };
    const { shape, body: exact } = pending.request ?? {};
    // A shape that said another token than the client sends would have others speak as that persona.
    if (shape !== undefined && shape.authorization === authorization) this.#shapes.set(shape.key, written);
    return this.#dispatch(
      written,
      authorization,
      exact ?? (typeof body === "string" ? body : undefined),
      pending,
    );
  }

  /** Each with the same chance, however many there are: whatever plays answers back cannot know which. */
  #remember({ status, cached }: RawReply, read: Written): void {
    if (!this.#remembers || read.method !== "GET" || status >= 300 || cached !== undefined) return;
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
    const pending: Pending = { outcome: undefined };
    await this.#dispatch(read, authorization, undefined, pending);
    return replyOf(pending.outcome);
  }

  /** All that is sent goes through here. */
  #dispatch(
    written: Written,
    authorization: string | undefined,
    body: string | undefined,
    pending: Pending,
  ): Promise<Response> {
    const { method, path } = written;
    const sent = (): string => describe(method, path.slice(this.#prefix.length), body);
    if (this.#readOnly && method !== "GET" && method !== "HEAD") {
      pending.outcome = { error: new WriteRefused(sent()) };
      return Promise.resolve(answered);
    }
    this.#requests += 1;
    const token = authorization === undefined ? [] : ["authorization", authorization];
    const headers = [...written.headers, ...token];
    return new Promise((resolve) => {
      const settle = (outcome: Outcome): void => {
        pending.outcome = outcome;
        resolve(answered);
      };
      const handler = new ResponseHandler({
        resolve: (reply) => {
          this.#remember(reply, written);
          settle({ reply });
        },
        reject: (error) => settle({ error }),
        sent,
        timeoutMs: this.#timeoutMs,
        url: this.#url,
      });
      this.#pool.dispatch({ method, path, headers, body: body ?? null }, handler);
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
