import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { boundedText } from "../../lib/bounded-text.ts";

interface Answered {
  /** 0: no answer, or an incomplete one. */
  readonly status: number;
  /** The header `Server`. */
  readonly server: string;
  readonly body: string;
}

interface AskOptions {
  readonly method?: string;
  /** Milliseconds for the whole answer, however little comes at a time. */
  readonly patience?: number;
}

/** Longer than any answer of an admin server. */
const mostBytes = 4 * 1024 * 1024;

/** One request on a separate connection; never throws, and ends. */
export async function ask(
  url: string,
  { method = "GET", patience = 5_000 }: AskOptions = {},
): Promise<Answered> {
  const request = get(url, { method, agent: false, signal: AbortSignal.timeout(patience) });
  // A later failure shows as a body that is cut short.
  request.on("error", () => {});
  try {
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const body = await boundedText(response, mostBytes);
    if (body === undefined) return noAnswer;
    return { status: response.statusCode ?? 0, server: String(response.headers.server ?? ""), body };
  } catch {
    return noAnswer;
  } finally {
    request.destroy();
  }
}

const noAnswer: Answered = { status: 0, server: "", body: "" };
