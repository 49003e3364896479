import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { quoteIdent as q, quoteLiteral } from "../../../src/lib/sql-text.ts";
import { startEmbedded } from "../../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../../src/stage/postgres/server.ts";
import { asOwner, attempt, verdictsOf } from "./support.ts";

// Names of 63 bytes, as long as Postgres takes them, that hold whatever a name may hold.

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server?.stop();
});

/** Fills a name up to 63 bytes. */
function long(start: string): string {
  return start.padEnd(start.length + 63 - Buffer.byteLength(start), "x");
}

const odd = {
  schema: long('sch\'ema "s"; --,.()'),
  relation: long("ta\"b'le\n%s$1 😀\\; drop--?#&/.:*,()"),
  other: long("ta\"b'le\n%s$1 😀\\; drop--?#&/.:*,()2"),
  key: long("i\"d' \\ % 😀,.():"),
  owner: long("ow\nn'er\"$batch$%L😀"),
  policy: long("pol\"icy'\n😀"),
  role: long("ro\"le'\n\\ 😀"),
};
/** A persona's setting has a plainer name: Postgres takes no other. */
const setting = `app.${"w".repeat(59)}`;
const ana = "10000000-0000-4000-8000-000000000001";
const value = 'it\'s\n"a" $1 :sub \\ 😀';

function tables(schema: string): string {
  const of = (name: string): string => `${q(schema)}.${q(name)}`;
  const made = [odd.relation, odd.other].map(
    (
      name,
    ) => `create table ${of(name)} (${q(odd.key)} text primary key, ${q(odd.owner)} text not null, body text);
      alter table ${of(name)} enable row level security;
      grant select, insert, update, delete on ${of(name)} to ${q(odd.role)}, service_role;
      create policy ${q(odd.policy)} on ${of(name)} to ${q(odd.role)}
        using (${q(odd.owner)} = (auth.jwt() ->> 'sub') or ${q(odd.owner)} = current_setting('${setting}', true))
        with check (${q(odd.owner)} = (auth.jwt() ->> 'sub') or ${q(odd.owner)} = current_setting('${setting}', true));
      insert into ${of(name)} values ('1', ${quoteLiteral(ana)}, 'a'), (${quoteLiteral(value)}, ${quoteLiteral(value)}, 'b'), ('3', 'c', 'c');`,
  );
  return `create schema ${q(schema)}; grant usage on schema ${q(schema)} to ${q(odd.role)}, service_role;\n${made.join("\n")}`;
}

/** JSON is YAML, and quotes whatever a name holds. */
function matrixOf(schema: string): string {
  const mine = `${q(odd.owner)} = :sub`;
  const set = `${q(odd.owner)} = ${quoteLiteral(value)}`;
  const relation = (name: string): readonly [string, unknown] => [
    q(name),
    {
      rows: { mine, set },
      insert: {
        own: { [odd.key]: "9", [odd.owner]: ":sub", body: value },
        other: { [odd.key]: value, [odd.owner]: "nobody", body: value },
      },
      expect: {
        ana: {
          select: "mine",
          update: "mine",
          delete: "mine",
          insert: { accept: ["own"], reject: ["other"] },
        },
        odd: {
          select: "set",
          update: "set",
          delete: "set",
          insert: { accept: ["own"], reject: ["other"] },
        },
        service: "allow",
      },
    },
  ];
  return JSON.stringify({
    matrix: "names",
    schema,
    exposes: [schema],
    personas: {
      ana: { role: odd.role, claims: { sub: ana, "cl\"aim'\n😀": value } },
      odd: { role: odd.role, claims: { sub: value }, settings: { [setting]: value } },
      service: { role: "service_role" },
    },
    relations: Object.fromEntries([odd.relation, odd.other].map(relation)),
  });
}

async function prepareRole(): Promise<void> {
  const client = await asOwner(
    server.database,
    `do $$ begin create role ${q(odd.role)} nologin; exception when duplicate_object then null; end $$;
     grant ${q(odd.role)} to authenticator`,
  );
  await client.end();
}

describe("names of 63 bytes with quotes, newlines and emoji", () => {
  test("relations, columns, keys, roles, policies, claims, values: all proved, on both channels", async () => {
    await prepareRole();
    const attempted = await attempt({ server, sql: tables(odd.schema), matrix: matrixOf(odd.schema) });
    if (attempted.error !== undefined) throw attempted.error;
    const failing = [...attempted.cells.values()].filter(({ verdict }) => verdict !== "pass");
    expect(failing.map(({ id, channels: { direct, rest } }) => [id, direct?.because, rest?.because])).toEqual(
      [],
    );
    const onRest = [...attempted.cells.values()].filter(({ channels }) => channels.rest !== undefined);
    expect(onRest.length).toBeGreaterThan(10);
    expect(attempted.run?.exitCode).toBe(0);
    expect(attempted.deviations).toEqual([]);
  });

  test("a leak among them is found, on both channels", async () => {
    await prepareRole();
    const open = `create policy open on ${q(odd.schema)}.${q(odd.relation)} for select to ${q(odd.role)} using (true);`;
    const attempted = await attempt({
      server,
      sql: `${tables(odd.schema)}\n${open}`,
      matrix: matrixOf(odd.schema),
    });
    const leaks = [...attempted.cells.values()].filter(({ verdict }) => verdict === "leak");
    expect(leaks.map(({ persona, operation }) => `${persona} ${operation}`)).toContain("ana select");
    const [leak] = leaks.filter(({ persona, operation }) => persona === "ana" && operation === "select");
    expect(leak?.channels.direct?.verdict).toBe("leak");
    expect(leak?.channels.rest?.verdict).toBe("leak");
    expect(attempted.run?.exitCode).toBe(1);
  });

  test("a schema whose name no HTTP header can carry: direct proves, rest cannot tell and says so", async () => {
    await prepareRole();
    const schema = long("sch\"ema'\n😀");
    const attempted = await attempt({ server, sql: tables(schema), matrix: matrixOf(schema) });
    if (attempted.error !== undefined) throw attempted.error;
    const direct = [...attempted.cells.values()].flatMap(({ channels }) => channels.direct?.verdict ?? []);
    expect(new Set(direct)).toEqual(new Set(["pass"]));
    const rest = [...attempted.cells.values()].flatMap(({ channels }) => channels.rest?.verdict ?? []);
    expect(rest).not.toContain("pass");
    expect(attempted.run?.exitCode).not.toBe(0);
    expect(verdictsOf(attempted)).not.toHaveProperty("leak");
  });
});
