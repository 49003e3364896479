import type { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Cell } from "../../src/model/cell.ts";
import { sessionRules } from "../../src/probe/sessions.ts";
import { Routines } from "../../src/probe/sql/explain.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { connectTo } from "../support/proof.ts";

let server: EmbeddedServer;
let client: Client;
let other: Client;

beforeAll(async () => {
  server = await startEmbedded();
  const address = await server.createDatabase("explain");
  [client, other] = [await connectTo(address), await connectTo(address)];
  await client.query("create table secrets (id int primary key); set statement_timeout = 300");
});
afterAll(async () => {
  await Promise.all([client.end(), other.end()]);
  await server.stop();
});

const cell = {
  persona: { name: "ana", role: "authenticated", login: undefined },
  operation: "select",
  relation: { info: { oid: 1, schema: "public", name: "secrets", columns: [], privileges: {} }, key: ["id"] },
} as unknown as Cell;
const refused = {
  kind: "explain",
  sql: "select count(*) from public.secrets",
  message: "permission denied for table secrets",
} as const;

test("an EXPLAIN that a lock cut short is asked again for the next cell, and an answer is kept", async () => {
  const line = {
    client,
    roundTrips: 0,
    losses: 0,
    reopen: () => Promise.resolve(client),
    stuck: new Map<string, number>(),
  };
  const inForce = { base: new Map<string, string>(), custom: new Set<string>(), roles: [] };
  const routines = new Routines(line, {
    sessions: sessionRules({ identities: new Map(), inForce, gateway: false, home: "postgres" }),
    preRequest: undefined,
    readOnly: true,
    statementTimeoutMs: 300,
    keepsPlans: true,
  });
  // The lock holds until it is taken back, however slow the machine is.
  await other.query("begin; lock table public.secrets in access exclusive mode");
  expect(await routines.explain(cell, refused)).toEqual({ kind: "routine" });
  await other.query("rollback");
  await client.query("set statement_timeout = 0");
  const answer = { kind: "routine", routine: "aclcheck_error", beforeRows: true };
  expect(await routines.explain(cell, refused)).toEqual(answer);
  const asked = line.roundTrips;
  expect(await routines.explain(cell, refused)).toEqual(answer);
  expect(line.roundTrips).toBe(asked);
});
