import { get } from "node:http";

export interface Heard {
  /** 0 when nobody answers. */
  readonly status: number;
  /** The header `Server`. */
  readonly server: string;
  readonly body: string;
}

/** Milliseconds. */
const patience = 5_000;

/** One request on a connection of its own; never throws. */
export async function ask(url: string, method = "GET"): Promise<Heard> {
  return new Promise((resolve) => {
    const silent = (): void => resolve({ status: 0, server: "", body: "" });
    const request = get(url, { method, agent: false, timeout: patience }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      response.on("error", silent).on("end", () => {
        resolve({ status: response.statusCode ?? 0, server: String(response.headers.server ?? ""), body });
      });
    });
    request.on("timeout", () => request.destroy()).on("error", silent);
  });
}
