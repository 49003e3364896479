import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEmbedded } from "../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { spawnPostgrest } from "../../src/stage/gateway/spawn.ts";
import { asSuperuser } from "../support/as-superuser.ts";
import { differing, loadDatabase, readMore, readTruth, replay } from "./gateway-replay.ts";
import type { Recorded, Recording } from "./gateway-replay.ts";

// The recorded answers against a PostgREST of today: what it answers otherwise, the builtin gateway answers as 16.2 did.

const binary = process.env["ROWGATE_POSTGREST_BIN"];
if (binary === undefined)
  process.stderr.write(
    "gateway-postgrest.test.ts is not run: it needs a real PostgREST, named by ROWGATE_POSTGREST_BIN\n",
  );

const nowhere = { schemas: ["nowhere"], anonRole: "anon", jwt: {}, txEnd: "rollback" } as const;

function dependsOnSeconds({ id }: Recorded): boolean {
  return id.includes("(skew)");
}

/** Whether the quotes around a cookie's value are dropped is decided by the version of the `cookie` library it was built with. */
function dependsOnBuild({ sent }: Recorded): boolean {
  return Object.entries(sent.headers ?? {}).some(
    ([name, value]) => name.toLowerCase() === "cookie" && value.includes('"'),
  );
}

describe.skipIf(binary === undefined)("a real PostgREST (ROWGATE_POSTGREST_BIN)", () => {
  let server: EmbeddedServer;

  beforeAll(async () => {
    server = await startEmbedded();
  });

  afterAll(async () => {
    await server?.stop();
  });

  async function differencesFrom(
    recording: Recording,
    database: string,
    more = false,
  ): Promise<Map<string, unknown>> {
    const found = new Map<string, unknown>();
    for (const [name, settings] of Object.entries(recording.settings)) {
      const own = recording.recorded.filter(
        (one) => one.settings === name && !dependsOnSeconds(one) && !dependsOnBuild(one),
      );
      const address = { ...server.database, ...server.authenticator, database };
      const gateway = await spawnPostgrest(binary ?? "", { ...settings, database: address });
      try {
        expect(gateway.info.kind).toBe("postgrest");
        for (const [id, both] of differing(await replay(gateway.url, own), more)) found.set(id, both);
      } finally {
        await gateway.stop();
      }
    }
    return found;
  }

  test("is not waited for when it cannot read its schemas", async () => {
    const address = { ...server.database, ...server.authenticator, database: "postgres" };
    const gateway = spawnPostgrest(binary ?? "", { ...nowhere, database: address });
    await expect(gateway).rejects.toMatchObject({
      code: "gateway/postgrest",
      details: expect.stringContaining('schema \\"nowhere\\" does not exist') as string,
    });
  });

  // What `undeclared-exposed-schema` and `undeclared-definer` rest on.
  test("puts what the database tells it above its environment, and calls by name what has one at all", async () => {
    const address = await server.createDatabase("told");
    await asSuperuser(
      address,
      `create schema told;
       create table told.docs (id int primary key);
       insert into told.docs values (7);
       grant usage on schema told to anon;
       grant select on told.docs to anon;
       create function mixed(from_id int default 0, int default 9) returns setof told.docs language sql as 'select * from told.docs';
       create function nameless(int default 0, int default 9) returns setof told.docs language sql as 'select * from told.docs';
       do $$ begin execute format('alter role authenticator in database %I set pgrst.db_schemas = ''public, told''', current_database()); end $$`,
    );
    const gateway = await spawnPostgrest(binary ?? "", {
      ...nowhere,
      schemas: ["public"],
      database: { ...address, ...server.authenticator },
    });
    const answered = async (path: string, schema: string): Promise<unknown> => {
      const answer = await fetch(`${gateway.url}/${path}`, { headers: { "accept-profile": schema } });
      return answer.ok ? await answer.json() : ((await answer.json()) as { code: string }).code;
    };
    try {
      expect(await answered("docs", "told")).toEqual([{ id: 7 }]);
      expect(await answered("docs", "untold")).toBe("PGRST106");
      expect(await answered("rpc/mixed", "public")).toEqual([{ id: 7 }]);
      expect(await answered("rpc/nameless", "public")).toBe("PGRST202");
    } finally {
      await gateway.stop();
    }
  });

  test("answers the 1,382 requests as recorded", { timeout: 600_000 }, async () => {
    const truth = readTruth(Math.floor(Date.now() / 1000));
    const found = await differencesFrom(truth, await loadDatabase(server, "truth", truth.schema));
    expect(Object.fromEntries(found)).toEqual({});
  });

  test("answers the 6,392 further requests as recorded", { timeout: 600_000 }, async () => {
    const more = readMore();
    const found = await differencesFrom(more, await loadDatabase(server, "more", more.schema), true);
    expect(Object.fromEntries(found)).toEqual({});
  });
});
