import { get } from "node:http";

export interface Heard {
  /** 0 when nobody answers, or not to the end. */
  readonly status: number;
  /** The header `Server`. */
  readonly server: string;
  readonly body: string;
}

export interface AskOptions {
  readonly method?: string;
  /** Milliseconds for the whole answer, however little comes at a time. */
  readonly patience?: number;
}

/** Longer than any answer of an admin server. */
const mostCharacters = 4 * 1024 * 1024;

/** One request on a connection of its own; never throws, and ends. */
export async function ask(
  url: string,
  { method = "GET", patience = 5_000 }: AskOptions = {},
): Promise<Heard> {
  return new Promise((resolve) => {
    const silent = (): void => resolve({ status: 0, server: "", body: "" });
    const signal = AbortSignal.timeout(patience);
    const request = get(url, { method, agent: false, signal }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk;
        if (body.length > mostCharacters) request.destroy();
      });
      response.on("error", silent).on("close", silent);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, server: String(response.headers.server ?? ""), body });
      });
    });
    request.on("error", silent);
  });
}
