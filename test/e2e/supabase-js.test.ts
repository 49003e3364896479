import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mint } from "../../src/persona/mint.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { type RunningGateway, startGateway } from "../../src/stage/gateway/server.ts";
import { notesSql } from "../cli/system.ts";
import { gatewayConfig } from "../support/gateway.ts";

/** A whole project's client, as an application has it, against the builtin gateway at `/rest/v1`. */
const secret = "the-secret-of-a-test-with-at-least-32-characters";
const ana = "10000000-0000-4000-8000-000000000001";

let server: EmbeddedServer;
let gateway: RunningGateway;
beforeAll(async () => {
  server = await startEmbedded();
  const database = await server.createDatabase("notes");
  const client = new Client(database);
  await client.connect();
  await client.query(notesSql);
  await client.end();
  gateway = await startGateway(gatewayConfig(server, database, { secret }));
});
afterAll(async () => {
  await gateway.stop();
  await server.stop();
});

function project(token: string): SupabaseClient {
  return createClient(gateway.url, "sb_publishable_of_a_test", {
    accessToken: () => Promise.resolve(token),
    // Node 20 has no WebSocket of its own, and nothing here listens.
    realtime: { transport: EventTarget as never },
  });
}

test("a signed-in user's client sees its own rows and no others", async () => {
  const token = mint(
    { sub: ana, role: "authenticated", exp: Math.floor(Date.now() / 1000) + 60 },
    { algorithm: "HS256", secret },
  );
  const { data, count, error } = await project(token).from("notes").select("owner", { count: "exact" });
  expect(error).toBeNull();
  expect(data).toEqual([{ owner: ana }]);
  expect(count).toBe(1);
});

test("a token that somebody else signed is refused", async () => {
  const token = mint(
    { sub: ana, role: "authenticated" },
    { algorithm: "HS256", secret: secret.toUpperCase() },
  );
  const { data, error } = await project(token).from("notes").select();
  expect(data).toBeNull();
  expect(error?.code).toBe("PGRST301");
});
