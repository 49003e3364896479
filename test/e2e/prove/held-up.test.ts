import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ProofSession } from "../../../src/prove/ask/session.ts";
import { privileged } from "../../../src/prove/ask/step.ts";
import { type EmbeddedServer, startEmbedded } from "../../../src/stage/postgres/server.ts";

let server: EmbeddedServer;
let holder: Client;
let client: Client;
let third: Client;

beforeAll(async () => {
  server = await startEmbedded();
  holder = new Client(server.database);
  client = new Client(server.database);
  third = new Client(server.database);
  await Promise.all([holder.connect(), client.connect(), third.connect()]);
  await holder.query("create table kept (id int primary key)");
  await client.query("set lock_timeout = 500");
});
afterAll(async () => {
  await Promise.all([holder.end(), client.end(), third.end()]);
  await server.stop();
});

test("a row that another session puts in, and takes back, is no answer", async () => {
  await holder.query("begin");
  await holder.query("insert into kept values (1)");
  const session = new ProofSession(client, 20_000);
  await session.begin();
  const asked = session.run([{ as: privileged, sql: "insert into kept values (1)", rows: false }]);
  await new Promise((resolve) => {
    setTimeout(resolve, 600);
  });
  await holder.query("rollback");
  expect(await asked).toEqual([{ touched: 1 }]);
  await session.end();
});

test("who waits for a row that a proof put in waits for its request, and not for the whole proof", async () => {
  const [one, other] = [holder, client].map((own) => new ProofSession(own, 20_000));
  if (one === undefined || other === undefined) throw new Error("two sessions");
  await client.query("set lock_timeout = 5000");
  await Promise.all([one.begin(), other.begin()]);
  const holding = one.run([
    { as: privileged, sql: "insert into kept values (2)", rows: false },
    { as: privileged, sql: "select pg_sleep(1)::text", rows: true, goOn: true },
  ]);
  await until(async () => {
    const { rows } = await third.query("select from pg_stat_activity where wait_event = 'PgSleep'");
    return rows.length > 0;
  });
  const before = other.roundTrips;
  const asked = other.run([{ as: privileged, sql: "insert into kept values (2)", rows: false }]);
  expect(await asked).toEqual([{ touched: 1 }]);
  // Past the lock timeout it would have been sent again.
  expect(other.roundTrips - before).toBe(1);
  expect(await holding).toEqual([{ touched: 1 }, { value: "" }]);
  await Promise.all([one.end(), other.end()]);
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds()))
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
}
