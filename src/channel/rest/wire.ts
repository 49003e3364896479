import { Pool } from "undici";
import type { Dispatcher } from "undici";
import { WriteRefused } from "../../model/posture.ts";
import { ProbeFailure } from "./failure.ts";
import { unmarkJson } from "./raw-json.ts";
import type { RawReply } from "./raw-reply.ts";
import { Reception } from "./reception.ts";

export interface WireOptions {
  /** Of the gateway, as in the target: without a trailing slash. */
  readonly url: string;
  readonly connections: number;
  readonly timeoutMs: number;
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

  constructor({ url, connections, timeoutMs, readOnly }: WireOptions) {
    this.#origin = new URL(url).origin;
    this.#prefix = url.slice(this.#origin.length);
    this.#timeoutMs = timeoutMs;
    this.#readOnly = readOnly;
    this.#pool = new Pool(this.#origin, {
      connections,
      pipelining: 1,
      connect: { timeout: timeoutMs },
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
      const unsent = (): void => {
        if (this.#tickets.delete(signal)) {
          reject(new ProbeFailure("protocol", "the PostgREST client did not send its request"));
        }
        this.#idle.push(signal);
      };
      void Promise.resolve(request.abortSignal(signal)).finally(unsent);
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
    const path = url.slice(this.#origin.length);
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
    this.#pool.dispatch(options, new Reception({ ...ticket, sent, timeoutMs: this.#timeoutMs }));
  }
}

/** `PATCH /courses?id=not.is.null {"title":"probe"}`; the path has no blank. No header: one holds the token. */
function describe(method: string, path: string, body: string | undefined): string {
  const readable = path.replaceAll(/%(?:2C|28|29|3A)/g, decodeURIComponent);
  return `${method} ${readable}${body === undefined ? "" : ` ${body}`}`;
}
