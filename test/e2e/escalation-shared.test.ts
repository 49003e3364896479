import { Client } from "pg";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { isChain } from "../../src/model/finding.ts";
import type { Posture } from "../../src/model/target.ts";
import type { EscalationWish } from "../../src/run/request.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { prove, type Proved } from "../support/prove.ts";

// Databases that others use: searched on request only, without holding locks for long, and what others change is no gain.

const ana = "11111111-1111-4111-8111-111111111111";
const luis = "22222222-2222-4222-8222-222222222222";
const sql = `
  create table members (user_id uuid, org_id int, primary key (user_id, org_id));
  insert into members values ('${ana}', 1), ('${luis}', 2);
  create table docs (id int primary key, org_id int);
  insert into docs values (1, 1), (2, 2), (3, 3);
  alter table members enable row level security;
  alter table docs enable row level security;
  create policy own on members for select using (user_id = auth.uid());
  create policy joins on members for insert with check (user_id = auth.uid() and org_id <> 2);
  create policy of_org on docs for select using (org_id in (select org_id from members where user_id = auth.uid()));
  grant select, insert on members to authenticated;
  grant select on docs to authenticated;`;
const matrix = `
matrix: case
personas:
  ana: { role: authenticated, claims: { sub: ${ana} } }
relations:
  members:
    rows: { own: "user_id = :sub" }
    insert: { join: { user_id: ":sub", org_id: 7 }, other: { user_id: ${luis}, org_id: 1 } }
    expect: { ana: { select: own, insert: { accept: [join], check: "user_id = :sub and org_id <> 2" }, "*": deny } }
  docs:
    rows: { mine: "org_id in (select org_id from members where user_id = :sub)" }
    expect: { ana: { select: mine } }`;

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server.stop();
});

// eslint-disable-next-line @typescript-eslint/unbound-method -- put back as it was
const { query } = Client.prototype;
afterEach(() => {
  Client.prototype.query = query;
});

/** Does something just before the search sends its first steps, when it knows what everybody reaches. */
function beforeSteps(act: (searching: Client) => Promise<void>): void {
  let done = false;
  Client.prototype.query = function (this: Client, ...given: Parameters<typeof query>) {
    const [text] = given as readonly unknown[];
    const isFirst = !done && typeof text === "string" && /rowgate\.steps.*"statements":\["/s.test(text);
    if (!isFirst) return query.apply(this, given);
    done = true;
    return act(this).then(() => query.apply(this, given));
  } as typeof query;
}

/** Another session of the same database. */
async function other({ host, port, database, user, password }: Client): Promise<Client> {
  const client = new Client({
    host,
    port,
    ...(database !== undefined && { database }),
    ...(user !== undefined && { user }),
    ...(typeof password === "string" && { password }),
  });
  await client.connect();
  return client;
}

async function settingOf(client: Client, name: string): Promise<string | undefined> {
  const { rows } = await client.query<{ setting: string }>(
    "select setting from pg_settings where name = $1",
    [name],
  );
  return rows[0]?.setting;
}

function search(posture: Posture, escalation?: EscalationWish): Promise<Proved> {
  return prove({
    server,
    sql,
    matrix,
    channels: ["direct"],
    withoutRest: true,
    posture,
    ...(escalation !== undefined && { escalation }),
  });
}

function chainsOf({ run }: Proved): readonly string[] {
  return run.findings
    .filter(isChain)
    .flatMap(({ kind, gains }) =>
      gains.map(({ what, examples }) => `${kind}: ${what} (${examples.join(", ")})`),
    );
}

test.each([
  ["staging", "default", "a staging target is searched only on request"],
  ["production", "full", "no write is sent to this target"],
] as const)("%s, asked for %s: %s", async (posture, wish, because) => {
  const { run } = await search(posture, wish);
  expect(run.escalation).toMatchObject({
    because: expect.stringContaining(because) as string,
    tried: 0,
    possible: 0,
  });
});

test("what others change while the search goes on is no gain, and what a step gains is found beside it", async () => {
  beforeSteps(async (searching) => {
    const client = await other(searching);
    await client.query(`insert into members values ('${ana}', 2)`);
    await client.end();
  });
  const proved = await search("staging", "full");
  expect(chainsOf(proved)).toEqual(["escalation: select public.docs (3)"]);
  expect(proved.run.escalation?.notConfirmed).toBeGreaterThan(0);
});

test("the search waits for no lock and holds none for a second, and what it could not try is not counted as tried", async () => {
  const settings: (string | undefined)[] = [];
  let holding: Client | undefined;
  beforeSteps(async (searching) => {
    for (const name of ["lock_timeout", "statement_timeout"]) settings.push(await settingOf(searching, name));
    holding = await other(searching);
    await holding.query("begin; lock table members in share row exclusive mode");
  });
  const proved = await search("staging", "full").finally(() => holding?.end());
  expect(settings).toEqual(["300", "900"]);
  const { escalation } = proved.run;
  expect(escalation?.tried).toBeLessThan(escalation?.possible ?? 0);
  expect(chainsOf(proved)).toEqual([]);
});
