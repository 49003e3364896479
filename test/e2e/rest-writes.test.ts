import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RestChannel } from "../../src/probe/http/http-channel.ts";
import type { Operation } from "../../src/model/matrix.ts";
import type { RowsObservation } from "../../src/model/observation.ts";
import type { CellOptions, Declared, World } from "./rest-support.ts";
import {
  candidate,
  cell,
  fingerprint,
  inserted,
  makeWorld,
  openChannel,
  openGateway,
  reach,
} from "./rest-support.ts";

const schema = readFileSync(new URL("rest-schema.sql", import.meta.url), "utf8");
let world: World;
let channel: RestChannel;
let before: string;

beforeAll(async () => {
  world = await makeWorld(schema, { schemas: ["public", "platform"] });
  channel = await openChannel(world);
  before = await fingerprint(world);
});

afterAll(async () => {
  await channel?.close();
  await world?.stop();
});

interface Case {
  readonly name: string;
  readonly who: string;
  readonly on: string;
  readonly declared: Declared;
  readonly seen: Partial<RowsObservation> & { readonly code?: string | null };
  readonly options?: CellOptions;
}

const own = { rows: "owner = 'alice'" };

const updates: readonly Case[] = [
  {
    name: "exactly one's own rows",
    who: "alice",
    on: "posts",
    declared: own,
    seen: {
      code: null,
      affected: 1,
      unexpected: 0,
      missing: 0,
      method: "whole",
      baseline: { total: 3, declared: 1 },
    },
  },
  {
    name: "denied by filter",
    who: "bob",
    on: "unpoliced",
    declared: "deny",
    seen: { code: null, affected: 0, unexpected: 0, mayBeHidden: false },
  },
  {
    name: "denied by grant",
    who: "anon",
    on: "posts",
    declared: "deny",
    seen: { code: "42501", affected: 0, method: "whole" },
  },
  {
    name: "denied by grant: nothing held",
    who: "alice",
    on: "ungranted",
    declared: "deny",
    seen: { code: "42501", affected: 0 },
  },
  {
    name: "a deny that does not hold",
    who: "alice",
    on: "posts",
    declared: "deny",
    seen: { affected: 1, unexpected: 1, unexpectedKeys: ['{"id":1}'] },
  },
  {
    name: "a lockout",
    who: "alice",
    on: "posts",
    declared: "allow",
    seen: { affected: 1, missing: 2, missingKeys: ['{"id":2}', '{"id":3}'] },
  },
  {
    name: "a check that refuses all values but one hides no row",
    who: "alice",
    on: "drafts",
    declared: "allow",
    seen: { affected: 3, unexpected: 0, missing: 0 },
  },
  {
    name: "a check that refuses every value",
    who: "alice",
    on: "sealed",
    declared: "deny",
    seen: { code: "42501", affected: 0, unexpected: 0, undetermined: 0, method: "row by row" },
  },
  {
    name: "a check that takes each row's own value only",
    who: "alice",
    on: "coded",
    declared: "allow",
    seen: { affected: 8, unexpected: 0, missing: 0, method: "row by row" },
  },
  {
    name: "a row that changes its key",
    who: "bob",
    on: "todos",
    declared: { rows: "owner = 'bob'" },
    options: { set: { id: "99" } },
    seen: { code: null, affected: 1, unexpected: 0, missing: 0 },
  },
  {
    name: "values that the matrix gives",
    who: "alice",
    on: "drafts",
    declared: "deny",
    options: { set: { status: "live" } },
    seen: { code: "42501", affected: 0, unexpected: 0, method: "row by row" },
  },
  {
    name: "composite keys, and a check that refuses one's own row as it stands",
    who: "alice",
    on: "members",
    declared: { rows: "usr = 'alice'" },
    seen: { affected: 1, unexpected: 0, missing: 0 },
  },
  {
    name: "odd keys and names",
    who: "alice",
    on: "oddKeys",
    declared: { rows: `"userId" = 'alice'` },
    seen: { code: null, affected: 6, unexpected: 0, missing: 0 },
  },
  {
    name: "odd keys, one by one",
    who: "alice",
    on: "oddKeys",
    declared: { rows: `"userId" = 'alice'` },
    // Each row its own limit: no value suits all.
    options: { set: { "Key Text": "new key", limit: "7" } },
    seen: { code: null, affected: 6, unexpected: 0, missing: 0, method: "row by row" },
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
    name: "big keys",
    who: "bob",
    on: "bigs",
    declared: { rows: "owner = 'bob'" },
    seen: { affected: 1, unexpected: 0, missing: 0 },
  },
  {
    name: "a key that may not be read: none",
    who: "anon",
    on: "hidden",
    declared: "deny",
    seen: { code: "42501", unexpected: 0 },
  },
  {
    name: "a key that may not be read: which rows they were, cannot be told",
    who: "alice",
    on: "hidden",
    declared: own,
    seen: { affected: 2, unexpected: 0, missing: 0, undetermined: 3 },
  },
  {
    name: "a key that may not be read: too many can",
    who: "alice",
    on: "hidden",
    declared: { rows: "id = 1" },
    seen: { affected: 2, unexpected: 1 },
  },
  {
    name: "recursion",
    who: "alice",
    on: "recursive",
    declared: "deny",
    seen: { code: "42P17", affected: 0 },
  },
  {
    name: "a trigger that swallows",
    who: "alice",
    on: "swallowed",
    declared: "deny",
    seen: { code: null, affected: 0, mayBeHidden: true },
  },
  {
    name: "a trigger that could swallow, over rows that one does not see anyway",
    who: "bob",
    on: "stamped",
    declared: "deny",
    seen: { code: null, affected: 0, mayBeHidden: false },
  },
  {
    name: "refused at some row, and no key to go through the others by",
    who: "alice",
    on: "sealed_keyless",
    declared: "deny",
    seen: { code: "42501", affected: 0, unexpected: 0, undetermined: 2 },
  },
  {
    name: "a filter brings the SELECT policy in",
    who: "alice",
    on: "blindspot",
    declared: own,
    seen: { affected: 1, unexpected: 0, missing: 0 },
  },
  {
    name: "a large relation",
    who: "alice",
    on: "many",
    declared: own,
    seen: { affected: 833, unexpected: 0, missing: 0, method: "sample" },
  },
  {
    name: "another schema",
    who: "alice",
    on: "projects",
    declared: own,
    seen: { code: null, affected: 1, unexpected: 0, missing: 0 },
  },
  {
    name: "a large relation with a composite key",
    who: "alice",
    on: "many_pairs",
    declared: own,
    seen: { affected: 700, unexpected: 0, missing: 0, method: "sample" },
  },
  {
    name: "a large relation, other rows",
    who: "alice",
    on: "swapped",
    declared: own,
    seen: {
      affected: 833,
      unexpected: 1,
      missing: 1,
      method: "sample",
      unexpectedKeys: ['{"id":1}'],
      missingKeys: ['{"id":3}'],
    },
  },
];

const deletes: readonly Case[] = [
  {
    name: "exactly one's own rows",
    who: "alice",
    on: "posts",
    declared: own,
    seen: { code: null, affected: 1, unexpected: 0, missing: 0, method: "whole" },
  },
  {
    name: "denied by filter",
    who: "bob",
    on: "unpoliced",
    declared: "deny",
    seen: { code: null, affected: 0, unexpected: 0 },
  },
  {
    name: "denied by grant",
    who: "anon",
    on: "posts",
    declared: "deny",
    seen: { code: "42501", affected: 0 },
  },
  {
    name: "a row that a foreign key protects hides no sibling, and was reached itself",
    who: "alice",
    on: "parents",
    declared: own,
    seen: { code: "23503", affected: 2, unexpected: 0, missing: 0, undetermined: 0, method: "row by row" },
  },
  {
    name: "a leak behind a row that a foreign key protects",
    who: "alice",
    on: "parents",
    declared: { rows: "id = 1" },
    seen: { affected: 2, unexpected: 1, unexpectedKeys: ['{"id":2}'] },
  },
  {
    name: "composite keys",
    who: "bob",
    on: "members",
    declared: { rows: "usr = 'bob'" },
    seen: { affected: 2, unexpected: 0, missing: 0 },
  },
  {
    name: "odd keys and names",
    who: "bob",
    on: "oddKeys",
    declared: { rows: `"userId" = 'bob'` },
    seen: { affected: 4, unexpected: 0, missing: 0 },
  },
  {
    name: "no key, whole rows",
    who: "alice",
    on: "keyless",
    declared: own,
    seen: { affected: 2, unexpected: 0, missing: 0 },
  },
  {
    name: "a key that may not be read",
    who: "alice",
    on: "hidden",
    declared: own,
    seen: { affected: 2, unexpected: 0, missing: 0, undetermined: 3 },
  },
  {
    name: "a key that may not be read hides no leak",
    who: "alice",
    on: "hidden",
    declared: "deny",
    seen: { code: null, affected: 2, unexpected: 2 },
  },
  {
    name: "recursion",
    who: "alice",
    on: "recursive",
    declared: "deny",
    seen: { code: "42P17", affected: 0 },
  },
  {
    name: "a trigger that swallows",
    who: "alice",
    on: "swallowed",
    declared: "deny",
    seen: { affected: 0, mayBeHidden: true },
  },
  {
    name: "a large relation",
    who: "bob",
    on: "many",
    declared: { rows: "owner = 'bob'" },
    seen: { affected: 1667, unexpected: 0, missing: 0 },
  },
];

const blind: readonly (Case & { operation: Operation })[] = [
  {
    operation: "blind_update",
    name: "reaches rows that one cannot see",
    who: "alice",
    on: "blindspot",
    declared: "deny",
    seen: { code: null, affected: 3, unexpected: 3 },
  },
  {
    operation: "blind_delete",
    name: "reaches rows that one cannot see",
    who: "alice",
    on: "blindspot",
    declared: "allow",
    seen: { code: null, affected: 3, unexpected: 0, missing: 0 },
  },
  {
    operation: "blind_update",
    name: "denied by filter",
    who: "anon",
    on: "todos",
    declared: "deny",
    seen: { code: null, affected: 0, unexpected: 0 },
  },
  {
    operation: "blind_delete",
    name: "denied by grant",
    who: "anon",
    on: "posts",
    declared: "deny",
    seen: { code: "42501", affected: 0 },
  },
  {
    operation: "blind_delete",
    name: "a foreign key that stops the statement proves that a row was reached",
    who: "alice",
    on: "parents",
    declared: "deny",
    seen: { code: "23503", affected: 1, unexpected: 1 },
  },
  {
    operation: "blind_update",
    name: "one value that the check takes is a leak",
    who: "alice",
    on: "drafts",
    declared: "deny",
    seen: { code: null, affected: 3, unexpected: 3 },
  },
  {
    operation: "blind_update",
    name: "which rows they were, cannot be told",
    who: "alice",
    on: "posts",
    declared: own,
    seen: { affected: 1, unexpected: 0, missing: 0, undetermined: 1 },
  },
];

const upserts: readonly Case[] = [
  {
    name: "merges over one's own row only",
    who: "alice",
    on: "profiles",
    declared: { rows: "id = 'alice'" },
    seen: { affected: 1, unexpected: 0, missing: 0, undetermined: 0, method: "row by row" },
  },
  {
    name: "merges over one's own row, undeclared",
    who: "alice",
    on: "profiles",
    declared: "deny",
    seen: { affected: 1, unexpected: 1, unexpectedKeys: ['{"id":"alice"}'] },
  },
  {
    name: "inserting is not merging",
    who: "alice",
    on: "insert_only",
    declared: { within: "false" },
    seen: { code: "42501", affected: 0, unexpected: 0, undetermined: 0 },
  },
  {
    name: "denied by grant",
    who: "anon",
    on: "profiles",
    declared: "deny",
    seen: { code: "42501", affected: 0, unexpected: 0, undetermined: 0 },
  },
  {
    name: "201 without a row is nothing",
    who: "alice",
    on: "swallowed",
    declared: "deny",
    seen: { affected: 0, unexpected: 0, undetermined: 2 },
  },
];

const table: readonly (Case & { operation: Operation })[] = [
  ...updates.map((one) => ({ ...one, operation: "update" as const })),
  ...deletes.map((one) => ({ ...one, operation: "delete" as const })),
  ...blind,
  ...upserts.map((one) => ({ ...one, operation: "upsert" as const })),
];

describe("writes over HTTP", () => {
  it.each(table)(
    "$operation by $who on $on: $name",
    async ({ who, operation, on, declared, seen, options }) => {
      const { answer, ...found } = await reach(channel, cell(world, who, operation, on, declared, options));
      const { code, ...rest } = seen;
      expect(found).toMatchObject(rest);
      expect(code === undefined ? undefined : answer.code).toBe(code);
    },
  );

  it("leaves nothing behind", async () => {
    expect(await fingerprint(world)).toBe(before);
  });
});

describe("UPDATE never:", () => {
  const move = candidate("to school 2", { school: "2" });

  it.each([
    { on: "kept", declared: { rows: "school = 1" }, answer: { code: "42501" }, why: "refused by the check" },
    {
      on: "courses",
      declared: { rows: "school = 1" },
      answer: { code: null, rows: 2 },
      why: "refused only because the row leaves one's sight",
    },
    {
      on: "posts",
      declared: own,
      answer: { code: "42501" },
      why: "refused",
      move: candidate("given away", { owner: "bob" }),
    },
    {
      on: "sealed",
      declared: "deny" as const,
      answer: { code: null, rows: 0 },
      why: "no row to move",
      move: candidate("noted", { note: "x" }),
    },
  ])("on $on: $why", async ({ on, declared, answer, move: other }) => {
    const { forbiddenUpdates: moves } = await reach(
      channel,
      cell(world, "alice", "update", on, declared, { never: [other ?? move] }),
    );
    expect(moves).toHaveLength(1);
    expect(moves[0]?.answer).toMatchObject(answer);
  });
});

describe("INSERT over HTTP", () => {
  it.each([
    {
      on: "todos",
      values: { id: "90", owner: "alice", title: "t" },
      answer: { code: null, rows: 1 },
      rewritten: [],
    },
    { on: "todos", values: { id: "90", owner: "bob", title: "t" }, answer: { code: "42501" }, rewritten: [] },
    { on: "ungranted", values: { id: "90", title: "t" }, answer: { code: "42501" }, rewritten: [] },
    {
      on: "dropbox",
      values: { id: "1", owner: "alice", body: null },
      answer: { code: null, rows: 1 },
      rewritten: [],
    },
    { on: "dropbox", values: { id: "one", owner: "alice" }, answer: { code: "22P02" }, rewritten: [] },
    {
      on: "uniques",
      values: { id: "2", code: "x", owner: "alice" },
      answer: { code: "23505", foreignFrame: false, constraint: { name: "", table: "public.uniques" } },
      rewritten: [],
    },
    {
      on: "uniques",
      values: { id: "2", owner: "alice" },
      answer: { code: "23502", foreignFrame: false },
      rewritten: [],
    },
    {
      on: "domains",
      values: { id: "1", amount: "-1" },
      answer: { code: "23514", foreignFrame: true },
      rewritten: [],
    },
    { on: "swallowed", values: { id: "9", title: "t" }, answer: { code: null, rows: 0 }, rewritten: [] },
    {
      on: "signed",
      values: { id: "1", owner: "bob" },
      answer: { code: null, rows: 1 },
      rewritten: ["owner"],
    },
    {
      on: "signed",
      values: {
        id: "1",
        owner: "alice",
        amount: "1.5",
        at: "2024-05-01 12:00+02",
        tags: '{a,"b c"}',
        about: '{"b": [1, 2.50], "a": null}',
      },
      answer: { code: null, rows: 1 },
      rewritten: [],
    },
  ])("into $on: $values", async ({ on, values, answer, rewritten }) => {
    const one = cell(world, "alice", "insert", on, "deny", { candidates: [candidate("c", values)] });
    const { attempts } = await inserted(channel, one);
    expect(attempts).toHaveLength(1);
    expect(attempts[0]).toMatchObject({ candidate: { name: "c", origin: "declared" }, answer, rewritten });
  });

  it("says when a row may have been rewritten and could not be seen", async () => {
    const values = { id: "1", owner: "bob" };
    const one = cell(world, "alice", "insert", "signed_unseen", "deny", {
      candidates: [candidate("c", values)],
    });
    expect((await inserted(channel, one)).attempts[0]).toMatchObject({
      answer: { code: null, rows: 1 },
      unseen: true,
    });
  });

  it("keeps candidates in order and leaves nothing behind", async () => {
    const candidates = ["alice", "bob"].map((owner) => candidate(owner, { id: "91", owner, title: "t" }));
    const { attempts } = await inserted(
      channel,
      cell(world, "alice", "insert", "todos", "deny", { candidates }),
    );
    expect(attempts.map(({ candidate: { name }, answer }) => [name, answer.code])).toEqual([
      ["alice", null],
      ["bob", "42501"],
    ]);
    expect(await fingerprint(world)).toBe(before);
  });
});

describe("a gateway that does not undo writes", () => {
  it.each(["commit", "rollback"] as const)("db-tx-end=%s: nothing is written", async (txEnd) => {
    const gateway = await openGateway(world.server, world.database, { txEnd });
    const refusing = await openChannel(world, { url: gateway.url });
    try {
      expect(refusing.gatewayChecks.rollbackHonoured).toBe(false);
      const sent = refusing.roundTrips;
      const cells = (["update", "delete", "blind_update", "blind_delete", "upsert", "insert"] as const).map(
        (operation) =>
          cell(world, "alice", operation, "todos", "deny", {
            candidates: [candidate("c", { id: "9", owner: "alice", title: "t" })],
          }),
      );
      for (const { observation } of await refusing.probe(cells)) {
        expect(observation).toMatchObject({ kind: "failed", failure: { kind: "not-sent" } });
        expect(JSON.stringify(observation)).toContain("tx=rollback");
      }
      expect(refusing.roundTrips).toBe(sent);
      expect(await reach(refusing, cell(world, "alice", "select", "todos", own))).toMatchObject({
        affected: 2,
        unexpected: 0,
      });
      expect(await fingerprint(world)).toBe(before);
    } finally {
      await refusing.close();
      await gateway.stop();
    }
  });

  it("production takes no write, whatever the gateway honours", async () => {
    const production = await openChannel(world, { posture: "production" });
    try {
      const sent = production.roundTrips;
      const write = cell(world, "alice", "delete", "todos", "deny");
      expect(production.forbids(write)).toBe("no write is sent to production");
      await expect(production.probe([write])).rejects.toMatchObject({ code: "posture/write-refused" });
      expect(production.roundTrips).toBe(sent);
      expect(await reach(production, cell(world, "alice", "select", "todos", own))).toMatchObject({
        affected: 2,
      });
    } finally {
      await production.close();
    }
  });
});
