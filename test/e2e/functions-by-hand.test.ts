import { Client, type QueryResult } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CellRecord } from "../../src/model/run.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { prove } from "../support/prove.ts";

let server: EmbeddedServer;

beforeAll(async () => {
  server = await startEmbedded();
});

afterAll(async () => {
  await server?.stop();
});

const sql = `
  create table people (id int primary key, org int, email text);
  insert into people values (1, 1, 'a'), (2, 2, 'b'), (3, 2, null);
  grant select on people to authenticated; -- a gateway is trusted with writes once a read has shown that it undoes them
  create function find(id int, note text default 'it''s') returns setof people language sql stable security definer as
    'select * from people where org = find.id';
  create function find(key uuid) returns int language sql stable as 'select 1';
  create function wipe(n int) returns void language sql security definer as 'delete from people';`;

const matrix = `matrix: hand
personas:
  ana: { role: authenticated, claims: { sub: u1 } }
functions:
  find(int, text):
    calls: { one: { id: 1 }, two: { id: 2 } }
    expect: { ana: { rows: "org = 1", accept: [one], columns: { hidden: [email] } } }
  wipe: { calls: { it: { n: 1 } } }
`;

/** What the pasted block shows before it undoes itself. */
async function paste(cell: CellRecord | undefined, database: string): Promise<readonly unknown[]> {
  const client = new Client({ ...server.database, database, ssl: false });
  await client.connect();
  try {
    const results: unknown = await client.query(cell?.reproduce?.psql ?? "");
    return (results as QueryResult[]).findLast(({ command }) => command === "SELECT")?.rows ?? [];
  } finally {
    await client.end();
  }
}

test("a failing call is shown by hand: the block and the curl line call the same function", async () => {
  const { run, cells } = await prove({ server, sql, matrix });
  const database = run.target.database.split("/")[1] ?? "";
  const two = cells.get("ana/public.find(int,text)/execute(two)");
  const email = cells.get("ana/public.find(int,text)/execute(one)/email");
  const wipe = cells.get("ana/public.wipe/execute");
  expect([two, email, wipe].map((cell) => cell?.verdict)).toEqual(["leak", "leak", "leak"]);

  expect(await paste(two, database)).toEqual([
    { id: 2, org: 2, email: "b" },
    { id: 3, org: 2, email: null },
  ]);
  expect(await paste(email, database)).toEqual([{ id: 1, email: "a" }]);
  expect(await paste(wipe, database)).toEqual([{ wipe: null }]);
  expect(await paste(two, database)).toHaveLength(2);

  expect(two?.reproduce?.curl).toContain("/rpc/find?id=2");
  expect(email?.reproduce?.curl).toContain("/rpc/find?id=1&select=id,email&email=not.is.null");
  expect(wipe?.reproduce?.curl).toMatch(/-X POST .*-d '\{"n":"1"\}' http:\S+\/rpc\/wipe$/);
});
