import { afterAll, beforeAll, expect, test } from "vitest";
import { startEmbedded } from "../../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../../src/stage/postgres/server.ts";
import type { Target } from "../../../src/model/target.ts";
import { asOwner, type Attempt, attempt } from "./support.ts";

// Two addresses that were configured apart: the gateway serves another database than the one that full sight reads. It may be
// open, and empty: whoever asks there is shown nothing.

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server?.stop();
});

const table = `create table docs (id int primary key, body text);
  alter table docs enable row level security;
  grant select on docs to anon, authenticated, service_role;`;
const rows = "insert into docs values (1, 'a'), (2, 'b');";
const open = "create policy open on docs to anon using (true);";

/** Nobody is declared to see anything; or somebody is. */
const shut =
  "matrix: docs\npersonas: { anon: { role: anon } }\nrelations: { docs: { expect: { anon: deny } } }\n";
const read = `matrix: docs
personas: { anon: { role: anon }, service: { role: service_role } }
relations: { docs: { expect: { anon: deny, service: { select: allow } } } }
`;

interface Two {
  readonly matrix: string;
  /** What full sight reads; the gateway's own database unless given. */
  readonly seen?: string;
  readonly served: string;
  readonly only?: readonly string[];
}

let databases = 0;

async function through({ matrix, seen, served, only = ["*/*/select"] }: Two): Promise<Attempt> {
  return await attempt({
    server,
    sql: served,
    matrix,
    channels: ["rest"],
    only,
    posture: "staging",
    retarget: async (target): Promise<Target> => {
      if (target.rest === undefined) throw new Error("there is a gateway");
      // As somebody's URL in a configuration: nobody knows what stands behind it.
      const remote = {
        ...target,
        rest: { ...target.rest, gateway: { kind: "remote", version: "?" } },
      } as Target;
      if (seen === undefined) return remote;
      databases += 1;
      const database = await server.createDatabase(`another_${databases}`);
      await (await asOwner(database, seen)).end();
      return { ...remote, database };
    },
  });
}

function anonOf({ cells, error }: Attempt): readonly (string | undefined)[] {
  if (error !== undefined) throw error;
  const rest = cells.get("anon/public.docs/select")?.channels.rest;
  return [rest?.verdict, rest?.because];
}

test.each([
  { name: "nobody reads", matrix: shut },
  { name: "somebody reads", matrix: read },
])("an empty database that is open does not look closed: $name", async ({ matrix }) => {
  const attempted = await through({ matrix, seen: `${table}\n${rows}`, served: `${table}\n${open}` });
  const [verdict, because] = anonOf(attempted);
  expect(verdict).toBe("error");
  expect(because).toContain("the REST URL and the database URL lead to different databases");
});

test("nor does a copy that is closed speak for an open one", async () => {
  const served = `${table}\n${rows}`;
  const attempted = await through({ matrix: read, seen: `${served}\n${open}`, served });
  expect(anonOf(attempted)[0]).toBe("error");
  expect(attempted.run?.exitCode).toBe(2);
});

test.each([
  { name: "nobody reads", matrix: shut },
  { name: "somebody reads", matrix: read },
])("denials by the database itself are believed: $name", async ({ matrix }) => {
  expect(anonOf(await through({ matrix, served: `${table}\n${rows}` }))[0]).toBe("pass");
});

/** No relation is exposed: functions are all that a gateway can be asked for. */
const called = `matrix: docs
schema: api
personas: { anon: { role: anon }, service: { role: service_role } }
functions: { find: { calls: { all: {} }, expect: { anon: { deny: execute }, service: { accept: [all] } } } }
`;
const functions = `${table}
  ${rows}
  create schema api; grant usage on schema api to anon, service_role;
  create function api.find() returns setof public.docs language sql stable as 'select * from public.docs';
  revoke execute on function api.find() from public; grant execute on function api.find() to service_role;`;

test.each([
  { name: "the same database", seen: undefined, verdict: "pass" },
  { name: "another one", seen: functions, verdict: "error" },
])("where functions alone are exposed: $name", async ({ seen, verdict }) => {
  const more = seen === undefined ? {} : { seen };
  const { cells, error } = await through({
    matrix: called,
    served: functions,
    only: ["*/*/execute*"],
    ...more,
  });
  if (error !== undefined) throw error;
  const [one] = [...cells.values()].filter(({ persona }) => persona === "service");
  expect(one?.channels.rest?.verdict).toBe(verdict);
});

test("a denial by grant needs no rows", async () => {
  const served = `${table}\n${rows}\nrevoke select on docs from anon;`;
  expect(anonOf(await through({ matrix: shut, served }))[0]).toBe("pass");
});
