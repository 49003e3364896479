import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Control } from "../../src/probe/sql/baseline.ts";
import type { ChannelAnswer } from "../../src/model/channel.ts";
import type { Finding } from "../../src/model/finding.ts";
import { defaultLimits, type Posture } from "../../src/model/target.ts";
import { watchTraces } from "../../src/probe/traces.ts";
import { candidate, cell, makeWorld, type World } from "./rest-support.ts";

let world: World;
beforeAll(async () => {
  world = await makeWorld(`
    create table todos (id int primary key, owner text not null, title text, extra json, at timestamptz);
    insert into todos values (1, 'alice', 'a1'), (2, 'bob', 'b1');
    insert into todos values (3, 'alice', 'probe', '{"a": 1}', '2026-11-21 00:00:00+00');
    grant all on todos to authenticated;
  `);
});
afterAll(async () => {
  await world.stop();
});

const mine = candidate("mine", {
  owner: "alice",
  title: "probe",
  extra: '{"a": 1}',
  at: "2026-11-21T00:00:00Z",
  missing: "no such column",
});
const odd = candidate("odd", { id: "no number", owner: "alice" });
const away = candidate("away", { owner: "carol" });

function inserted(code: string | null): ChannelAnswer {
  const attempts = [mine, odd].map((one) => ({ candidate: one, answer: { code }, rewritten: [] }));
  return { observation: { kind: "insert", attempts }, probe: "" };
}
const lost: ChannelAnswer = {
  observation: { kind: "failed", failure: { kind: "connection", message: "gone" } },
  probe: "",
};

interface Case {
  readonly name: string;
  readonly posture: Posture;
  readonly answer: ChannelAnswer;
  /** By somebody, while the run is on. */
  readonly write: string;
  readonly finds: readonly Partial<Finding>[];
}

const relation = "public.todos";

function probed(): Parameters<typeof watchTraces>[1] {
  const work = [...world.relations.values()].map((planned) => ({ relation: planned }));
  return { catalog: world.catalog, work, functions: [] };
}
const probeRow = "insert into todos values (9, 'alice', 'probe', '{\"a\": 1}', '2026-11-21 00:00:00+00')";
const cases: readonly Case[] = [
  { name: "nothing changes", posture: "staging", answer: inserted(null), write: "select 1", finds: [] },
  {
    name: "on a target of one's own every change is a trace",
    posture: "embedded",
    answer: inserted("42501"),
    write: "update todos set title = 'x' where id = 1",
    finds: [{ kind: "rows-changed", relation }],
  },
  {
    name: "others' work is theirs",
    posture: "staging",
    answer: inserted(null),
    write: "update todos set title = 'x' where id = 2; insert into todos values (8, 'alice', 'other')",
    finds: [{ kind: "changed-by-others", relation }],
  },
  {
    name: "a row that carries a probe's values, and was there before, is no trace",
    posture: "staging",
    answer: inserted(null),
    write: "insert into todos values (8, 'dave', 'other')",
    finds: [{ kind: "changed-by-others", relation }],
  },
  {
    name: "a row with a probe's values that was written meanwhile is one",
    posture: "staging",
    answer: inserted(null),
    write: probeRow,
    finds: [{ kind: "probe-rows-left", relation, rows: 1 }],
  },
  {
    name: "what was refused cannot have stayed",
    posture: "staging",
    answer: inserted("42501"),
    write: probeRow,
    finds: [{ kind: "changed-by-others", relation }],
  },
  {
    name: "what came to no answer may have",
    posture: "staging",
    answer: lost,
    write: probeRow,
    finds: [{ kind: "probe-rows-left", relation, rows: 1 }],
  },
  {
    name: "so may a move",
    posture: "staging",
    answer: lost,
    write: "update todos set owner = 'carol' where id = 1",
    finds: [{ kind: "probe-rows-left", relation, rows: 1 }],
  },
  {
    name: "where nothing is written nothing is looked for",
    posture: "production",
    answer: inserted(null),
    write: probeRow,
    finds: [],
  },
];

describe("what a run leaves behind", () => {
  it.each(cases)("$name", async ({ posture, answer, write, finds }) => {
    const control = await Control.open(world.database, defaultLimits);
    const reset =
      "delete from todos where id > 3; update todos set owner = 'alice', title = 'a1' where id = 1";
    try {
      await world.client.query(reset);
      const traces = await watchTraces(control, probed(), { posture });
      const options = { candidates: [mine, odd], never: [away] };
      traces.note(cell(world, "alice", "insert", "todos", "allow", options), [answer]);
      await world.client.query(write);
      const { findings, fingerprints } = await traces.look();
      expect(findings).toEqual(finds);
      expect(fingerprints).toHaveLength(posture === "production" ? 0 : 1);
    } finally {
      await control.close();
    }
  });

  it("says so when somebody's lock keeps it from looking", async () => {
    const limits = { ...defaultLimits, statementTimeoutMs: 300, lockTimeoutMs: 100 };
    const control = await Control.open(world.database, limits);
    try {
      const traces = await watchTraces(control, probed(), { posture: "staging" });
      traces.note(cell(world, "alice", "insert", "todos", "allow", { candidates: [mine] }), [inserted(null)]);
      await world.client.query("begin; lock todos in access exclusive mode");
      expect(await traces.look()).toEqual({
        findings: [{ kind: "not-watched", relation, because: expect.stringContaining("timeout") }],
        fingerprints: [],
      });
    } finally {
      await world.client.query("rollback");
      await control.close();
    }
  });
});
