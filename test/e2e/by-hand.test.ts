import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { startEmbedded } from "../../src/stage/postgres/server.ts";
import { prove } from "../support/prove.ts";

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server.stop();
});

// "from" in a name, since the block is made from SQL that has FROMs of its own.
const sql = `
  create table people (id int primary key, "came from" text, phone text, salary int);
  insert into people values (1, 'Lima', '111', 10), (2, 'Oslo', '222', 20), (3, null, null, 30);
  grant select (id, "came from", phone) on people to authenticated;`;
const matrix = `
matrix: case
personas: { ana: { role: authenticated, claims: { sub: 11111111-1111-4111-8111-111111111111 } } }
relations:
  people:
    expect:
      ana: { select: { rows: "id = 1", columns: { visible: [id], hidden: [phone, "came from", salary] } } }
`;

test("a failed SELECT, pasted into psql, shows what the probe saw: the rows, and the values of a column", async () => {
  const { cells } = await prove({ server, sql, matrix, channels: ["direct"] });
  const database = await server.createDatabase("by_hand");
  const client = new Client(database);
  await client.connect();
  try {
    await client.query(sql);
    const shown = async (id: string): Promise<unknown> => {
      const answers = await client.query(cells.get(`ana/public.people/${id}`)?.reproduce?.psql ?? "");
      const all = Array.isArray(answers) ? (answers as { command: string; rows: unknown[] }[]) : [];
      return all.filter(({ command }) => command === "SELECT").at(-1)?.rows;
    };
    expect(await shown("select")).toEqual([
      { id: 1, "came from": "Lima", phone: "111" },
      { id: 2, "came from": "Oslo", phone: "222" },
      { id: 3, "came from": null, phone: null },
    ]);
    expect(await shown("select/phone")).toEqual([
      { id: 1, phone: "111" },
      { id: 2, phone: "222" },
    ]);
    expect(await shown("select/came from")).toEqual([
      { id: 1, "came from": "Lima" },
      { id: 2, "came from": "Oslo" },
    ]);
  } finally {
    await client.end();
  }
});
