import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask } from "../../../../src/stage/gateway/ask.ts";

/** By path, what a server does that is no PostgREST's. */
const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  "/sound": (response) => response.writeHead(200, { server: "postgrest/16.2" }).end("ready"),
  "/never": () => undefined,
  "/dripping": (response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write(" "), 20);
    response.once("close", () => clearInterval(drip));
  },
  "/endless": (response) => {
    response.writeHead(200);
    const piece = Buffer.alloc(1 << 20, " ");
    const more = (): void => {
      while (!response.destroyed && response.write(piece));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  },
  "/cut": (response) => {
    response.writeHead(200, { "content-length": 100 });
    response.write("half", () => response.destroy());
  },
};

describe("one request, which ends whatever the other side does", () => {
  const server = createServer(({ url = "" }, response) => answers[url]?.(response));
  let base: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test("an answer", async () => {
    expect(await ask(`${base}/sound`)).toEqual({ status: 200, server: "postgrest/16.2", body: "ready" });
  });

  test.each(["/never", "/dripping"])("%s: nobody, when patience is at its end", async (path) => {
    expect(await ask(`${base}${path}`, { patience: 300 })).toEqual({ status: 0, server: "", body: "" });
  });

  test.each(["/endless", "/cut"])("%s: nobody", async (path) => {
    expect(await ask(`${base}${path}`, { patience: 30_000 })).toMatchObject({ status: 0 });
  });

  test("nobody listens", async () => {
    expect(await ask("http://127.0.0.1:1")).toMatchObject({ status: 0 });
  });
});
