import { chmodSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { ask, clearRooms, launch, left, makeRoom } from "./embedded-support.ts";

afterEach(clearRooms);

const identifier = "select system_identifier::text from pg_control_system()";

test("a cluster is made once where ROWGATE_CLUSTERS names a folder, and copied from then on", async () => {
  const env = { ROWGATE_CLUSTERS: path.join(makeRoom(), "clusters") };
  const identifiers: unknown[] = [];
  for (const one of [env, env, {}]) {
    const room = makeRoom();
    const { outcome, process: launcher, exit } = launch({ room, env: one });
    const server = await outcome;
    expect(server.error).toBeUndefined();
    identifiers.push((await ask(server, identifier))[0]?.[0]);
    // What one server writes is in no other.
    await ask(server, "create table only_here ()");
    launcher.kill();
    await exit;
  }
  expect(identifiers[1]).toBe(identifiers[0]);
  expect(identifiers[2]).not.toBe(identifiers[0]);
  const [kept = "", ...others] = readdirSync(env.ROWGATE_CLUSTERS);
  expect(others).toEqual([]);
  expect(statSync(path.join(env.ROWGATE_CLUSTERS, kept)).mode & 0o077).toBe(0);

  chmodSync(path.join(env.ROWGATE_CLUSTERS, kept), 0o755);
  const room = makeRoom();
  const { error } = await launch({ room, env }).outcome;
  expect(error).toMatchObject({
    code: "embedded/kept-cluster",
    message: expect.stringContaining("ROWGATE_CLUSTERS"),
  });
  expect(left(room)).toEqual([]);
});
