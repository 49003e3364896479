import { createServer, request } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Passing {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What number of this method it is, from 1. */
  readonly nth: number;
}

/** What a bad proxy does to a request instead of passing it on; `undefined` passes it on. */
export type Mischief = (passing: Passing, response: ServerResponse) => Change | Promise<Change>;

type Change =
  | "done"
  | { readonly headers?: Record<string, string>; readonly strip?: readonly string[] }
  | undefined;

export interface Proxy {
  readonly url: string;
  /** `METHOD path` of every request that arrived. */
  readonly arrived: readonly string[];
  /** From now on; nothing before. */
  misbehave(mischief: Mischief): void;
  stop(): Promise<void>;
}

/** A proxy in front of a real gateway, which passes everything on until it is told to misbehave. */
export async function openProxy(gatewayUrl: string): Promise<Proxy> {
  let mischief: Mischief = passEverything;
  let arrived: string[] = [];
  const counts = new Map<string, number>();
  const server = createServer(async (incoming, response) => {
    const method = incoming.method ?? "";
    const nth = (counts.get(method) ?? 0) + 1;
    counts.set(method, nth);
    const path = incoming.url ?? "/";
    arrived.push(`${method} ${path}`);
    const headers = incoming.headers as Record<string, string>;
    const change = await mischief({ method, path, headers, nth }, response);
    if (change === "done") incoming.resume();
    else passOn(gatewayUrl, incoming, response, { headers, ...change });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get arrived() {
      return arrived;
    },
    misbehave: (next) => {
      mischief = next;
      arrived = [];
      counts.clear();
    },
    stop: () => stop(server),
  };
}

function passOn(
  gatewayUrl: string,
  incoming: IncomingMessage,
  response: ServerResponse,
  { headers, strip = [] }: { headers: Record<string, string>; strip?: readonly string[] },
): void {
  const outgoing = request(
    new URL(incoming.url ?? "/", gatewayUrl),
    { method: incoming.method, headers },
    (given) => {
      const kept = Object.entries(given.headers).filter(([name]) => !strip.includes(name));
      response.writeHead(given.statusCode ?? 500, Object.fromEntries(kept));
      given.pipe(response);
    },
  );
  outgoing.on("error", () => response.destroy());
  incoming.pipe(outgoing);
}

const passEverything: Mischief = () => undefined;

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
}

/** Ends the connection instead of answering. */
export const hangUp: Mischief = (_, response) => {
  response.destroy();
  return "done";
};

export function answer(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): "done" {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
  response.end(body);
  return "done";
}
