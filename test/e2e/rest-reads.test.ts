import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RestChannel } from "../../src/probe/http/http-channel.ts";
import type { RowsObservation } from "../../src/model/observation.ts";
import type { Declared, World } from "./rest-support.ts";
import { cell, makeWorld, observe, openChannel, openGateway, reach } from "./rest-support.ts";

const schema = readFileSync(new URL("rest-schema.sql", import.meta.url), "utf8");
let world: World;
let channel: RestChannel;

beforeAll(async () => {
  world = await makeWorld(schema, { schemas: ["public", "platform"] });
  channel = await openChannel(world);
});

afterAll(async () => {
  await channel?.close();
  await world?.stop();
});

interface Expected extends Partial<RowsObservation> {
  readonly code?: string | null;
}

interface Case {
  readonly name: string;
  readonly who: string;
  readonly on: string;
  readonly declared: Declared;
  readonly seen: Expected;
  readonly control?: string;
}

const own = { rows: "owner = 'alice'" };

const cases: readonly Case[] = [
  {
    name: "exactly one's own rows",
    who: "alice",
    on: "todos",
    declared: own,
    seen: { code: null, affected: 2, unexpected: 0, missing: 0, baseline: { total: 3, declared: 2 } },
  },
  {
    name: "more rows than declared",
    who: "alice",
    on: "posts",
    declared: own,
    seen: { affected: 3, unexpected: 2, missing: 0, unexpectedKeys: ['{"id":2}', '{"id":3}'] },
  },
  {
    name: "fewer rows than declared",
    who: "alice",
    on: "todos",
    declared: "allow",
    seen: { affected: 2, unexpected: 0, missing: 1, missingKeys: ['{"id":3}'] },
  },
  {
    name: "the right number of wrong rows",
    who: "alice",
    on: "todos",
    declared: { rows: "id in (1, 3)" },
    seen: { affected: 2, unexpected: 1, missing: 1, unexpectedKeys: ['{"id":2}'], missingKeys: ['{"id":3}'] },
  },
  {
    name: "denied by filter",
    who: "anon",
    on: "todos",
    declared: "deny",
    seen: { code: null, affected: 0, unexpected: 0, baseline: { total: 3, declared: 0 } },
  },
  {
    name: "denied by grant",
    who: "alice",
    on: "ungranted",
    declared: "deny",
    seen: { code: "42501", affected: 0, unexpected: 0 },
  },
  {
    name: "denied by grant, anon",
    who: "anon",
    on: "ungranted",
    declared: "deny",
    seen: { code: "42501", unexpected: 0 },
  },
  {
    name: "a deny that does not hold",
    who: "anon",
    on: "posts",
    declared: "deny",
    seen: { affected: 3, unexpected: 3 },
  },
  {
    name: "all rows",
    who: "service",
    on: "todos",
    declared: "allow",
    seen: { affected: 3, unexpected: 0, missing: 0 },
  },
  {
    name: "composite keys",
    who: "alice",
    on: "members",
    declared: "allow",
    seen: { affected: 3, unexpected: 0, missing: 0 },
  },
  {
    name: "composite keys, compared",
    who: "alice",
    on: "members",
    declared: { rows: "usr = 'bob'" },
    seen: { unexpected: 1, missing: 0, unexpectedKeys: ['{"org":"a,b","usr":"alice"}'] },
  },
  {
    name: "odd keys and names",
    who: "alice",
    on: "oddKeys",
    declared: { rows: `"userId" = 'alice'` },
    seen: { code: null, affected: 6, unexpected: 0, missing: 0 },
  },
  {
    name: "uuid keys",
    who: "alice",
    on: "uuids",
    declared: own,
    seen: { affected: 1, unexpected: 0, missing: 0 },
  },
  {
    name: "keys in time",
    who: "bob",
    on: "times",
    declared: { rows: "owner = 'bob'" },
    seen: { affected: 2, unexpected: 0, missing: 0 },
  },
  {
    name: "keys beyond what a JSON number holds",
    who: "alice",
    on: "bigs",
    declared: { rows: "owner = 'bob'" },
    seen: { affected: 1, unexpected: 1, missing: 1, unexpectedKeys: ['{"id":9007199254740993}'] },
  },
  {
    name: "numeric keys that differ far behind the point",
    who: "alice",
    on: "exacts",
    declared: { rows: "owner = 'bob'" },
    seen: { affected: 1, unexpected: 1, missing: 1 },
  },
  {
    name: "a key that may not be read: whole rows, counted",
    who: "alice",
    on: "hidden",
    declared: own,
    seen: { code: null, affected: 2, unexpected: 0, missing: 0 },
  },
  {
    name: "a key that may not be read: one row more",
    who: "alice",
    on: "hidden",
    declared: { rows: "id = 1" },
    seen: { affected: 2, unexpected: 1, missing: 0 },
  },
  {
    name: "no key at all",
    who: "alice",
    on: "keyless",
    declared: own,
    seen: { affected: 2, unexpected: 0, missing: 0 },
  },
  {
    name: "recursion is an error, and no deny",
    who: "alice",
    on: "recursive",
    declared: "deny",
    seen: { code: "42P17", affected: 0, unexpected: 0 },
  },
  {
    name: "a large relation: counted, and sampled",
    who: "alice",
    on: "many",
    declared: own,
    seen: {
      affected: 833,
      unexpected: 0,
      missing: 0,
      method: "sample",
      baseline: { total: 2500, declared: 833 },
    },
  },
  {
    name: "a large relation: as many rows, but others",
    who: "alice",
    on: "swapped",
    declared: own,
    seen: {
      affected: 833,
      unexpected: 1,
      missing: 1,
      unexpectedKeys: ['{"id":1}'],
      missingKeys: ['{"id":3}'],
    },
  },
  {
    name: "a large relation denied",
    who: "anon",
    on: "many",
    declared: "deny",
    seen: { code: "42501", unexpected: 0 },
  },
  {
    name: "a view that filters by identity, held against its table",
    who: "alice",
    on: "my_todos",
    declared: own,
    control: "todos",
    seen: { affected: 2, unexpected: 0, missing: 0, baseline: { total: 3, declared: 2 } },
  },
  {
    name: "a view that may be within more",
    who: "alice",
    on: "todos",
    declared: { within: "true" },
    seen: { affected: 2, unexpected: 0, missing: 1 },
  },
];

describe("SELECT over HTTP", () => {
  it.each(cases)("$who on $on: $name", async ({ who, on, declared, seen, control }) => {
    const { answer, ...found } = await reach(
      channel,
      cell(world, who, "select", on, declared, { ...(control && { control }) }),
    );
    const { code, ...rest } = seen;
    expect(found).toMatchObject(rest);
    expect(code === undefined ? undefined : answer.code).toBe(code);
  });

  it("answers many cells of a relation in one call, in their order", async () => {
    const cells = ["alice", "bob", "anon", "service"].map((who) =>
      cell(world, who, "select", "todos", "allow"),
    );
    const answers = await channel.probe(cells);
    expect(answers.map(({ observation }) => observation.kind === "rows" && observation.affected)).toEqual([
      2, 1, 0, 3,
    ]);
    expect(answers[0]?.probe).toBe("GET /todos?select=id&limit=3");
  });

  it("reads page by page when the gateway cuts its answers", async () => {
    const gateway = await openGateway(world.server, world.database, { maxRows: 2 });
    const paged = await openChannel(world, { url: gateway.url });
    try {
      const odd = await reach(
        paged,
        cell(world, "alice", "select", "oddKeys", { rows: `"userId" = 'alice'` }),
      );
      expect(odd).toMatchObject({ affected: 6, unexpected: 0, missing: 0, undetermined: 0 });
      const short = await reach(paged, cell(world, "alice", "select", "posts", { rows: "id < 3" }));
      expect(short).toMatchObject({ affected: 3, unexpected: 1, unexpectedKeys: ['{"id":3}'] });
      // Without a key there is no second page to ask for.
      const keyless = await reach(paged, cell(world, "service", "select", "keyless", { rows: "true" }));
      expect(keyless).toMatchObject({ affected: 3, undetermined: 1 });
    } finally {
      await paged.close();
      await gateway.stop();
    }
  });

  it("tells a predicate that fails apart from the others' answers", async () => {
    const [broken, fine] = await channel.probe([
      cell(world, "alice", "select", "todos", { rows: "1 / (id - 1) > 0" }),
      cell(world, "alice", "select", "todos", own),
    ]);
    expect(broken?.observation).toMatchObject({ kind: "failed", failure: { kind: "protocol" } });
    expect(fine?.observation).toMatchObject({ kind: "rows", affected: 2, unexpected: 0, missing: 0 });
  });

  it("fails where full privileged is filtered instead of counting less", async () => {
    await world.client.query("create role half_blind login password 'x' in role authenticated");
    await world.client.query("grant usage on schema public to half_blind");
    const privileged = { ...world.database, user: "half_blind", password: "x" };
    const blind = await openChannel(world, { privileged });
    try {
      expect(await observe(blind, cell(world, "alice", "select", "todos", own))).toMatchObject({
        kind: "failed",
      });
    } finally {
      await blind.close();
    }
  });
});
