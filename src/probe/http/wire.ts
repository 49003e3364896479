import { Pool } from "undici";
import type { Dispatcher } from "undici";
import { WriteRefused } from "../../model/posture.ts";
import { ProbeFailure } from "./failure.ts";
import { unmarkSpace } from "./names.ts";
import { unmarkJson } from "./raw-json.ts";
import type { RawReply } from "./raw-reply.ts";
import { Reception } from "./reception.ts";

export interface WireOptions {
  /** Of the gateway, as in the target: without a trailing slash. */
  readonly url: string;
  readonly connections: number;
  readonly timeoutMs: number;
  /** The authority's certificate in PEM form; without it, those that Node knows. */
  readonly ca?: string | undefined;
  /** Nothing but GET and HEAD leaves, whatever was planned. */
  readonly readOnly: boolean;
}

/** What the PostgREST client's builders can do, once their request is complete. */
export interface Deliverable {
  abortSignal(signal: AbortSignal): PromiseLike<unknown>;
}

interface Ticket {
  readonly resolve: (reply: RawReply) => void;
  readonly reject: (error: ProbeFailure | WriteRefused) => void;
}

/** A request as it leaves, and as people read it. */
interface Sent {
  readonly options: Dispatcher.DispatchOptions;
  readonly sent: () => string;
}

// What the client gets instead of the answer: it would parse the body, hide the headers and rewrite some answers.
// Not a Response either: to make and read a real one costs as much as the request.
const nothing = {
  ok: true,
  status: 204,
  statusText: "",
  headers: new Headers(),
  text: () => Promise.resolve(""),
};

/**
 * A `fetch` for the PostgREST client over kept-alive connections. The client writes the request; the answer goes past
 * it. The two are matched by the request's AbortSignal, the one thing that the client hands through unchanged.
 */
export class Wire {
  readonly fetch: typeof globalThis.fetch;
  readonly #pool: Pool;
  readonly #origin: string;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #readOnly: boolean;
  readonly #tickets = new Map<AbortSignal, Ticket>();
  // None is ever aborted, so each can serve again.
  readonly #idle: AbortSignal[] = [];
  #requests = 0;
  #remembers = false;
  #answeredRead: Sent | undefined;
  #answeredReads = 0;

  constructor({ url, connections, timeoutMs, readOnly, ca }: WireOptions) {
    this.#origin = new URL(url).origin;
    this.#prefix = url.slice(this.#origin.length);
    this.#timeoutMs = timeoutMs;
    this.#readOnly = readOnly;
    this.#pool = new Pool(this.#origin, {
      connections,
      pipelining: 1,
      connect: { timeout: timeoutMs, ...(ca !== undefined && { ca }) },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    this.fetch = (input, init = {}) => {
      this.#send(String(input), init);
      return Promise.resolve(nothing as unknown as Response);
    };
  }

  get requests(): number {
    return this.#requests;
  }

  /** Sends what the client has built. Throws ProbeFailure when no whole answer comes back. */
  deliver(request: Deliverable): Promise<RawReply> {
    const signal = this.#idle.pop() ?? new AbortController().signal;
    return new Promise((resolve, reject) => {
      this.#tickets.set(signal, { resolve, reject });
      const unsent = (why: string): void => {
        if (this.#tickets.delete(signal)) {
          reject(new ProbeFailure("protocol", `the PostgREST client did not send its request${why}`));
        }
        this.#idle.push(signal);
      };
      // What it throws (a schema that no header can carry) is this request's failure, and nobody else's.
      void Promise.resolve(request.abortSignal(signal)).then(
        () => unsent(""),
        (error: unknown) => unsent(`: ${error instanceof Error ? error.message : String(error)}`),
      );
    });
  }

  async close(): Promise<void> {
    // Not close(): a request that hangs must not keep the run from ending.
    await this.#pool.destroy();
  }

  #send(url: string, { method = "GET", headers, body, signal }: RequestInit): void {
    const ticket = signal ? this.#tickets.get(signal) : undefined;
    if (!signal || ticket === undefined) throw new Error("a request that was not handed to deliver()");
    this.#tickets.delete(signal);
    const path = unmarkSpace(url.slice(this.#origin.length));
    const text = typeof body === "string" ? unmarkJson(body) : undefined;
    const sent = (): string => describe(method, path.slice(this.#prefix.length), text);
    if (this.#readOnly && method !== "GET" && method !== "HEAD") {
      ticket.reject(new WriteRefused(sent()));
      return;
    }
    this.#requests += 1;
    const options: Dispatcher.DispatchOptions = {
      path,
      method: method as Dispatcher.HttpMethod,
      headers: headers as Record<string, string>,
      body: text ?? null,
    };
    const resolve = (reply: RawReply): void => {
      if (method === "GET" && reply.status < 300 && reply.cached === undefined)
        this.#remember({ options, sent });
      ticket.resolve(reply);
    };
    this.#dispatch({ options, sent }, { resolve, reject: ticket.reject });
  }

  /** Each with the same chance, however many there are: whoever plays answers back cannot know which. */
  #remember(read: Sent): void {
    if (!this.#remembers) return;
    this.#answeredReads += 1;
    if (Math.random() * this.#answeredReads < 1) this.#answeredRead = read;
  }

  /** From now on reads that are answered may be asked again. */
  rememberReads(): void {
    this.#remembers = true;
  }

  /** Sends one of the reads that were answered since the last time once more, as somebody else. `undefined`: there were none. */
  async askAgain(authorization: string): Promise<RawReply | undefined> {
    const read = this.#answeredRead;
    if (read === undefined) return undefined;
    this.#answeredRead = undefined;
    this.#answeredReads = 0;
    const headers = { ...(read.options.headers as Record<string, string>), authorization };
    return await new Promise((resolve, reject) => {
      this.#requests += 1;
      this.#dispatch({ ...read, options: { ...read.options, headers } }, { resolve, reject });
    });
  }

  #dispatch({ options, sent }: Sent, { resolve, reject }: Ticket): void {
    this.#pool.dispatch(options, new Reception({ resolve, reject, sent, timeoutMs: this.#timeoutMs }));
  }
}

/** `PATCH /courses?id=not.is.null {"title":"probe"}`; the path has no blank. No header: one holds the token. */
function describe(method: string, path: string, body: string | undefined): string {
  const readable = path.replaceAll(/%(?:2C|28|29|3A)/g, decodeURIComponent);
  return `${method} ${readable}${body === undefined ? "" : ` ${body}`}`;
}
