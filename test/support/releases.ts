import { createServer as createHttpServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import type { Certified } from "./certificates.ts";
import { sha256 } from "./assets.ts";

export type Respond = (response: ServerResponse, request: IncomingMessage) => void;

export interface ReleaseServer {
  readonly port: number;
  readonly url: string;
  /** `GET path` of every request, with what it was authorized by. */
  readonly asked: { readonly path: string; readonly authorization: string | undefined }[];
  /** What answers at a path; anything else is 404. */
  readonly at: Map<string, Respond>;
  stop(): Promise<void>;
}

/** An HTTPS server that answers as it is told. */
export async function openReleaseServer(certified: Certified): Promise<ReleaseServer> {
  const at: ReleaseServer["at"] = new Map();
  const asked: ReleaseServer["asked"] = [];
  const server = createServer(certified, (request, response) => {
    const path = request.url ?? "";
    asked.push({ path, authorization: request.headers.authorization });
    const respond = at.get(path) ?? ((to) => to.writeHead(404, { "content-type": "text/plain" }).end("no"));
    respond(response, request);
  });
  const port = await listen(server);
  return {
    port,
    url: `https://localhost:${port}`,
    asked,
    at,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Tunnel {
  /** Of a proxy, for HTTPS_PROXY. */
  readonly url: string;
  /** `host:port` of every tunnel asked for, with what it was authorized by. */
  readonly asked: { readonly to: string; readonly authorization: string | undefined }[];
  stop(): Promise<void>;
}

/** A proxy as companies have it; whatever a tunnel is asked for, it leads to `port` here. */
export async function openTunnel(port: number): Promise<Tunnel> {
  const asked: Tunnel["asked"] = [];
  const open = new Set<Socket>();
  const server = createHttpServer();
  server.on("connect", (request, client: Socket) => {
    asked.push({ to: request.url ?? "", authorization: request.headers["proxy-authorization"] });
    const far = connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      far.pipe(client).pipe(far);
    });
    for (const socket of [client, far]) {
      open.add(socket);
      socket.on("error", () => undefined);
    }
  });
  const own = await listen(server);
  return {
    url: `http://127.0.0.1:${own}`,
    asked,
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listen(server: ReturnType<typeof createHttpServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A release as GitHub's API describes it; `digest` as published, the bytes' own unless given. */
export function describeRelease(
  version: string,
  assets: readonly { readonly name: string; readonly bytes: Buffer; readonly digest?: string | null }[],
): Respond {
  const text = JSON.stringify({
    tag_name: version,
    assets: assets.map(({ name, bytes, digest = `sha256:${sha256(bytes)}` }) => ({
      name,
      size: bytes.length,
      digest,
    })),
  });
  return (response) =>
    response.writeHead(200, { "content-type": "application/json; charset=utf-8" }).end(text);
}

export function sendBytes(bytes: Buffer, type = "application/octet-stream"): Respond {
  return (response) =>
    response.writeHead(200, { "content-type": type, "content-length": bytes.length }).end(bytes);
}

export function redirectTo(location: string): Respond {
  return (response) => response.writeHead(302, { location }).end();
}
