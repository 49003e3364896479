import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ProofSession } from "../../../src/prove/ask/session.ts";
import { privileged } from "../../../src/prove/ask/step.ts";
import { type EmbeddedServer, startEmbedded } from "../../../src/stage/postgres/server.ts";

let server: EmbeddedServer;
let holder: Client;
let client: Client;

beforeAll(async () => {
  server = await startEmbedded();
  holder = new Client(server.database);
  client = new Client(server.database);
  await Promise.all([holder.connect(), client.connect()]);
  await holder.query("create table kept (id int primary key)");
  await client.query("set lock_timeout = 500");
});
afterAll(async () => {
  await Promise.all([holder.end(), client.end()]);
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
