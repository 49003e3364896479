import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "../../src/model/matrix.ts";
import { bindParameters } from "../../src/model/parameters.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { startEmbedded } from "../../src/stage/postgres/server.ts";

let server: EmbeddedServer;
let client: Client;

beforeAll(async () => {
  server = await startEmbedded();
  client = new Client(server.database);
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await server.stop();
});

const texts: readonly string[] = [
  "",
  "it's",
  "\\",
  "\\'",
  "a\\'b\\\\'c",
  "two\nlines\r\n",
  "😀 ñ \u00A0",
  "$$ $tag$",
  ":sub",
  "-- /* */",
  "');drop table courses;--",
  "' or true or '",
  "%s $1 ?",
];

describe("a bound value arrives as it is", () => {
  test.each(texts.flatMap((value) => ["on", "off"].map((strings) => ({ value, strings }))))(
    "$value with standard_conforming_strings $strings",
    async ({ value, strings }) => {
      await client.query(`set standard_conforming_strings = ${strings}`);
      const sql = bindParameters(
        "select :sub::text as bound, convert_to(:sub, 'UTF8') as bytes",
        () => value,
      );
      const { rows } = await client.query(sql);
      expect(rows).toEqual([{ bound: value, bytes: Buffer.from(value, "utf8") }]);
    },
  );
});

const uuid = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const inferred: readonly { sql: string; value: Json }[] = [
  { sql: `'${uuid}'::uuid = :v`, value: uuid },
  { sql: "7 = :v", value: 7 },
  { sql: "9223372036854775807::bigint = :v", value: "9223372036854775807" },
  { sql: "1.5 = :v", value: 1.5 },
  { sql: "true = :v", value: true },
  { sql: "date '2027-01-31' = :v", value: "2027-01-31" },
  { sql: "'[1,2]'::jsonb = :v", value: [1, 2] },
  { sql: "'{\"a\":null}'::jsonb = :v", value: { a: null } },
  { sql: "7 in (select v::int from jsonb_array_elements_text(:v) as t(v))", value: [6, 7] },
  { sql: "7 = any(array[:v]::int[])", value: 7 },
];

describe("Postgres infers the type", () => {
  test.each(inferred)("$sql", async ({ sql, value }) => {
    const { rows } = await client.query(`select (${bindParameters(sql, () => value)}) as holds`);
    expect(rows).toEqual([{ holds: true }]);
  });
});
