import { once } from "node:events";
import type { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedServer, startEmbedded } from "../../../src/stage/postgres/server.ts";
import { prove } from "../../support/prove.ts";
import { openProxy, type Proxy } from "../rest-proxy.ts";
import { asOwner } from "./support.ts";

// A session that has put in a row makes an INSERT of the same key wait, past the limit at the worst: the proof does so, and others may.

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server?.stop();
});

const sub = "10000000-0000-4000-8000-000000000001";
const sql = `create table notes (id int primary key, owner uuid not null);
  insert into notes values (1, '${sub}');
  alter table notes enable row level security;
  grant select, insert on notes to authenticated;
  create policy own on notes to authenticated using (owner = auth.uid()) with check (owner = auth.uid());`;
const matrix = `matrix: cut
channels: [rest]
personas:
  ann: { role: authenticated, claims: { sub: ${sub} } }
relations:
  notes:
    insert:
      own: { id: '9', owner: ':sub' }
    expect:
      ann: { insert: { accept: [own] } }
`;

// The first POST is the one by which a run sees whether the gateway rolls back.
test.each([
  ["asked once more, and passes", 2, "pass"],
  ["undecided where it is cut off again", 3, "inconclusive"],
])("an INSERT that a limit cut off is %s", async (_, answers, verdict) => {
  let client: Client | undefined;
  let proxy: Proxy | undefined;
  try {
    const { cells } = await prove({
      server,
      sql,
      matrix,
      proof: "all-rows",
      limits: { statementTimeoutMs: 1_000 },
      retarget: async (target) => {
        if (target.rest === undefined) throw new Error("there is a gateway");
        client = await asOwner(target.database, `begin; insert into notes values (9, '${sub}')`);
        proxy = await openProxy(target.rest.url);
        let asked = 0;
        proxy.misbehave(async ({ method, path }, response) => {
          if (method !== "POST" || path !== "/notes") return undefined;
          asked += 1;
          if (asked === answers) void once(response, "close").then(() => client?.query("rollback"));
          return undefined;
        });
        return { ...target, rest: { ...target.rest, url: proxy.url } };
      },
    });
    expect(cells.get("ann/public.notes/insert")?.channels.rest).toMatchObject({ verdict });
  } finally {
    await proxy?.stop();
    await client?.end();
  }
});
