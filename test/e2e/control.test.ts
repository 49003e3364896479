import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultLimits } from "../../src/model/target.ts";
import { Control } from "../../src/probe/sql/baseline.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";

let server: EmbeddedServer;
let control: Control;

beforeAll(async () => {
  server = await startEmbedded();
  control = await Control.open(server.database, defaultLimits);
});
afterAll(async () => {
  await control.close();
  await server.stop();
});

test("a question that fails in its transaction takes none with it that is asked beside it", async () => {
  const failing = control.ask("while one asked", async (client) => {
    try {
      await client.query("begin; select 1/0");
    } finally {
      await client.query("rollback");
    }
  });
  const other = control.ask("while another asked", async (client) => {
    const { rows } = await client.query<{ one: number }>("select 1 as one");
    return rows;
  });
  await expect(failing).rejects.toMatchObject({ code: "run/database" });
  expect(await other).toEqual([{ one: 1 }]);
});

test("a question whose connection was ended is asked again, and so is the next", async () => {
  const killer = new Client(server.database);
  await killer.connect();
  const [pid] = await control.ask("while it told its process", async (client) => {
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    return rows.map((row) => row.pid);
  });
  await killer.query("select pg_terminate_backend($1)", [pid]);
  await killer.end();
  const asked = ["one", "two"].map((one) =>
    control.ask("while both asked", async (client) => {
      const { rows } = await client.query<{ said: string }>("select $1::text as said", [one]);
      return rows[0]?.said;
    }),
  );
  expect(await Promise.all(asked)).toEqual(["one", "two"]);
});
