import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatabaseAddress } from "../../src/model/target.ts";
import { mustServeSessions } from "../../src/run/remote-session.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { noPgbouncer, startPgbouncer } from "../support/pgbouncer.ts";
import { directTarget } from "../support/targets.ts";

const reason = noPgbouncer();
// Said aloud: a test that did not run must not look like one that passed.
if (reason !== undefined) process.stderr.write(`\nNOT RUN: test/e2e/remote-session: ${reason}\n`);

let server: EmbeddedServer;
let login: DatabaseAddress;
beforeAll(async () => {
  server = await startEmbedded();
  const client = new Client({ ...server.database, ssl: false });
  await client.connect();
  await client.query(`create role pooled login superuser password 'pooled-password';
    alter role pooled set statement_timeout = 10000;
    alter role pooled set lock_timeout = 2000;
    alter role pooled set idle_in_transaction_session_timeout = 60000;`);
  await client.end();
  login = { ...server.database, user: "pooled", password: "pooled-password" };
});
afterAll(async () => {
  await server.stop();
});

test("the server itself is taken", async () => {
  await expect(mustServeSessions(directTarget(server.database))).resolves.toBeUndefined();
});

describe.skipIf(reason !== undefined)("a PgBouncer in between", () => {
  test.each([
    { mode: "transaction", as: "pooled", code: "direct/pooler" },
    { mode: "statement", as: "pooled", code: "direct/pooler" },
    { mode: "session", as: "postgres", code: "direct/limits" },
    { mode: "session", as: "pooled", code: undefined },
  ] as const)("in $mode mode, as $as: $code", async ({ mode, as, code }) => {
    const behind = as === "pooled" ? login : server.database;
    const pooler = await startPgbouncer({ server: behind, mode, drops: true });
    try {
      const asked = await mustServeSessions(directTarget({ ...behind, port: pooler.port })).catch(
        (error: unknown) => error,
      );
      expect((asked as { code?: string } | undefined)?.code).toBe(code);
    } finally {
      await pooler.stop();
    }
  });
});
