import { chmodSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { unprivilegedAccount } from "../../src/stage/postgres/account.ts";
import { copyNative, findNative } from "../../src/stage/postgres/binaries.ts";
import { initialise, serve } from "../../src/stage/postgres/cluster.ts";
import { makePrivateDirectory } from "../../src/stage/postgres/private-directory.ts";
import { reap, stopChild } from "../../src/stage/postgres/processes.ts";
import { ask, clearRooms, left, makeRoom } from "./embedded-support.ts";

afterEach(clearRooms);

test("a port that somebody takes in the last moment is given up for another", async () => {
  const room = makeRoom();
  chmodSync(room, 0o755);
  const account = unprivilegedAccount();
  const directory = makePrivateDirectory(account, [room]);
  const native = `${directory}/native`;
  copyNative(findNative(), native);
  const children = new Set<never>();
  const site = {
    directory,
    native,
    account,
    superuser: "postgres",
    settings: {},
    children,
    signal: new AbortController().signal,
  };
  const password = await initialise(site);

  const occupant = await listening();
  const free = await listening();
  const open = portOf(free);
  const ports = [portOf(occupant), portOf(occupant), open];
  const tried: number[] = [];
  await closed(free);
  const server = await serve(site, async () => {
    tried.push(ports[0] ?? 0);
    return ports.shift() ?? 0;
  });

  expect(tried).toHaveLength(3);
  expect(server.port).toBe(open);
  expect(await ask({ port: server.port, password }, "show port")).toEqual([[String(server.port)]]);
  await closed(occupant);
  await stopChild(server.process);
  await reap(directory);
  expect(left(room)).toEqual([]);
});

async function listening(): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function closed(server: Server): Promise<void> {
  await new Promise((resolve) => {
    server.close(resolve);
  });
}
