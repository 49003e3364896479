import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Client } from "pg";
import { startEmbedded } from "../../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../../src/stage/postgres/server.ts";
import { openProxy, type Proxy } from "../rest-proxy.ts";
import { asOwner, type Attempt, attempt, crowd } from "./support.ts";

// Others work on a shared target. Over HTTP the probe and full sight's looks are different moments: rows that are gone just
// while the persona asks make an open table look closed.

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server?.stop();
});

const { sql, matrix } = crowd(2);
const denied = `${matrix}  vault:\n    expect: { '*': deny }\n`;
/** Nobody is declared to see anything of it. */
const vault = `create table vault (id int primary key, body text);
  insert into vault select n, 'v' from generate_series(1, 5) n;
  alter table vault enable row level security;
  grant select, insert, update, delete on vault to authenticated;`;

interface Meanwhile {
  /** Just before the gateway is asked for the table, and just after it has answered. */
  readonly before: string;
  readonly after: string;
  readonly table: string;
}

async function withOthers(meanwhile: Meanwhile, more: string): Promise<Attempt> {
  let proxy: Proxy | undefined;
  let client: Client | undefined;
  try {
    return await attempt({
      server,
      sql: `${sql}\n${vault}\n${more}`,
      matrix: denied,
      channels: ["rest"],
      posture: "staging",
      retarget: async (target) => {
        if (target.rest === undefined) throw new Error("there is a gateway");
        client = await asOwner(target.database, "select 1");
        proxy = await openProxy(target.rest.url);
        let turn = Promise.resolve();
        proxy.misbehave(async ({ path }, response) => {
          if (!path.startsWith(`/${meanwhile.table}`)) return undefined;
          // One at a time, since they share the rows.
          const before = turn;
          turn = (async () => {
            await before;
            await once(response, "close");
            await client?.query(meanwhile.after);
          })();
          await before;
          await client?.query(meanwhile.before);
          return undefined;
        });
        return { ...target, rest: { ...target.rest, url: proxy.url } };
      },
    });
  } finally {
    await proxy?.stop();
    await client?.end();
  }
}

const open = "create policy open on vault to authenticated using (true) with check (true);";
const gone: Meanwhile = {
  table: "vault",
  before: "delete from vault",
  after: "insert into vault select n, 'v' from generate_series(1, 5) n on conflict do nothing",
};

function restOf(
  { cells, error }: Attempt,
  operation: string,
): readonly (readonly [string, string | undefined])[] {
  if (error !== undefined) throw error;
  return [...cells.values()]
    .filter(
      ({ id }) => id.includes("/public.vault/") && id.endsWith(`/${operation}`) && !id.startsWith("service"),
    )
    .map(({ id, channels }) => [id, channels.rest?.verdict] as const);
}

describe("rows that are gone just while a persona asks for them", () => {
  test("an open table does not look closed", async () => {
    const attempted = await withOthers(gone, open);
    for (const operation of ["select", "update", "delete"]) {
      const found = restOf(attempted, operation);
      expect(found).toHaveLength(3);
      for (const [id, verdict] of found) expect([id, verdict]).not.toEqual([id, "pass"]);
    }
  });

  test("a closed one is not believed either: nothing shows the difference", async () => {
    const found = restOf(await withOthers(gone, ""), "select");
    expect(found).toHaveLength(3);
    // Another persona's deletion may fall into the baseline as well: then there was no row to be denied.
    for (const [id, verdict] of found) expect(["inconclusive", "vacuous"], id).toContain(verdict);
  });

  test("others' rows only: a table that is open to all does not look like everybody's own", async () => {
    const attempted = await withOthers(
      {
        table: "notes_2",
        before: "delete from notes_2 where id <> 1",
        after: `insert into notes_2 select n, ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'a'
          from generate_series(2, 3) n on conflict do nothing`,
      },
      "create policy open on notes_2 for select to authenticated using (true);",
    );
    if (attempted.error !== undefined) throw attempted.error;
    const one = attempted.cells.get("p1/public.notes_2/select");
    expect(one?.channels.rest?.verdict).toBeDefined();
    expect(one?.channels.rest?.verdict).not.toBe("pass");
  });
});

test("rows that come and go beside others that stay do not keep a closed table from passing", async () => {
  const busy: Meanwhile = {
    table: "vault",
    before: "insert into vault select 100 + n, 'new' from generate_series(1, 3) n on conflict do nothing",
    after: "delete from vault where id = 101; update vault set body = body || '!' where id > 3",
  };
  const found = restOf(await withOthers(busy, ""), "select");
  expect(found).toHaveLength(3);
  for (const [id, verdict] of found) expect([id, verdict]).toEqual([id, "pass"]);
});
