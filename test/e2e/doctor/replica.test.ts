import type { ChildProcess } from "node:child_process";
import { chownSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { DatabaseAddress } from "../../../src/model/target.ts";
import { unprivilegedAccount } from "../../../src/stage/postgres/account.ts";
import { copyNative, findNative } from "../../../src/stage/postgres/binaries.ts";
import { initialise, serve } from "../../../src/stage/postgres/cluster.ts";
import { makePrivateDirectory } from "../../../src/stage/postgres/private-directory.ts";
import { mustServeSessions } from "../../../src/run/remote-session.ts";
import { examineGiven, problemsOf } from "./world.ts";
import { directTarget } from "../../support/targets.ts";

/** A server that recovers and waits for more, as a standby does, and lets readers in. */
let database: DatabaseAddress;
let directory: string;
let server: ChildProcess;
beforeAll(async () => {
  const account = unprivilegedAccount();
  directory = makePrivateDirectory(account, []);
  const native = path.join(directory, "native");
  copyNative(findNative(), native);
  const site = {
    directory,
    native,
    account,
    superuser: "postgres",
    // Recovery ends where a setting is lower than the primary's, and initdb ran with Postgres's own.
    settings: { wal_level: "replica", hot_standby: "on", max_connections: "100", max_wal_senders: "10" },
    children: new Set<ChildProcess>(),
    signal: new AbortController().signal,
  };
  const password = await initialise(site);
  const signal = path.join(directory, "data", "standby.signal");
  writeFileSync(signal, "");
  if (account !== undefined) chownSync(signal, account.uid, account.gid);
  const running = await serve(site);
  server = running.process;
  database = { host: "127.0.0.1", port: running.port, user: "postgres", password, database: "postgres" };
});
afterAll(() => {
  server.kill("SIGQUIT");
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

it("a target that takes writes is told that it is a replica", async () => {
  const diagnoses = await examineGiven({ target: directTarget(database), matrix: null });
  expect(problemsOf(diagnoses)).toEqual([
    "server: 127.0.0.1 is a read replica: it refuses every write (25006) before it evaluates a policy",
  ]);
});

it("a run refuses it, unless it takes no writes", async () => {
  await expect(mustServeSessions(directTarget(database))).rejects.toMatchObject({ code: "direct/replica" });
  await expect(mustServeSessions(directTarget(database, { writes: "none" }))).resolves.toBeUndefined();
});

it("for one that takes none, that is well, and said", async () => {
  const diagnoses = await examineGiven({ target: directTarget(database, { writes: "none" }), matrix: null });
  expect(problemsOf(diagnoses)).toEqual([]);
  expect(diagnoses.find(({ check }) => check === "server")?.sentence).toMatch(
    /^Postgres 17\S*, a read replica$/,
  );
});
