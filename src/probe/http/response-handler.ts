import type { Dispatcher } from "undici";
import { connectionCode, connectionFacts } from "../../messages/connection.ts";
import { describe } from "../../messages/messages.ts";
import { linkFailure } from "../link-failure.ts";
import { ProbeFailure } from "./failure.ts";

/** An answer as it came over the connection, before any client has read it. */
export interface RawReply {
  readonly status: number;
  readonly contentRange: string | null;
  readonly preferenceApplied: string | null;
  /** The gateway's clock when it answered. */
  readonly date: string | null;
  /** Set: a cache has answered, and how it says so. */
  readonly cached: string | undefined;
  readonly body: string;
  /** The request, as people read it. */
  readonly sent: () => string;
}

export interface ResponseHandlerOptions {
  readonly resolve: (reply: RawReply) => void;
  readonly reject: (error: ProbeFailure) => void;
  readonly sent: () => string;
  /** Of the gateway. */
  readonly url: string;
  readonly timeoutMs: number;
}

/** No honest answer to a probe is that long: keys of a few thousand rows at the most. */
export const maxBodyBytes: number = 64 * 1024 * 1024;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Reads one answer: status, some headers, body. */
export class ResponseHandler implements Dispatcher.DispatchHandler {
  readonly #options: ResponseHandlerOptions;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #startedAt = 0;
  #status = 0;
  #headers: Headers = {};

  constructor(options: ResponseHandlerOptions) {
    this.#options = options;
  }

  onRequestStart(): void {
    // Not before: a request may have waited for a connection, which says nothing about the server.
    this.#startedAt = performance.now();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    if (this.#bytes > maxBodyBytes) {
      controller.abort(this.#failure("protocol", `the answer is longer than ${maxBodyBytes} bytes`));
    } else if (performance.now() - this.#startedAt > this.#options.timeoutMs) {
      // undici's own timer starts anew with every chunk.
      controller.abort(this.#failure("timeout", `no whole answer within ${this.#options.timeoutMs} ms`));
    }
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    const body = first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
    this.#options.resolve({
      status: this.#status,
      contentRange: single(this.#headers["content-range"]),
      preferenceApplied: single(this.#headers["preference-applied"]),
      date: single(this.#headers["date"]),
      cached: cachedBy(this.#headers),
      body: body.toString("utf8"),
      sent: this.#options.sent,
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (error instanceof ProbeFailure) {
      this.#options.reject(error);
      return;
    }
    const { url, timeoutMs, sent, reject } = this.#options;
    const failure = linkFailure(error);
    const kind = failure.code === "timeout" ? "timeout" : "connection";
    const gateway = { where: url, host: new URL(url).hostname, seconds: Math.round(timeoutMs / 1000) };
    const { sentence } = describe(connectionCode(failure), connectionFacts(gateway, failure));
    reject(new ProbeFailure(kind, sentence, sent()));
  }

  #failure(kind: "timeout" | "protocol", message: string): ProbeFailure {
    return new ProbeFailure(kind, `the gateway: ${message}`, this.#options.sent());
  }
}

/** How a cache says that it has answered by itself. Sources: RFC 9111 (Age), RFC 9211 (Cache-Status), and what CDNs say. */
function cachedBy(headers: Headers): string | undefined {
  const values = ["age", "cache-status", "x-cache", "cf-cache-status"].map(
    (name) => [name, single(headers[name])] as const,
  );
  const hit = values.find(([name, value]) => {
    // Some say that what they have just fetched is 0 seconds old.
    if (name === "age") return Number(value) > 0;
    return value !== null && /\b(?:hit|stale|updating)\b/i.test(value);
  });
  return hit && `${hit[0]}: ${hit[1]}`;
}

function single(header: string | string[] | undefined): string | null {
  return Array.isArray(header) ? header.join(", ") : (header ?? null);
}
