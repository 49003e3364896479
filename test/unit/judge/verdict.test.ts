import { describe, expect, test } from "vitest";
import { judge } from "../../../src/judge/verdict.ts";
import type { Meaning } from "../../../src/model/answers.ts";
import type { Cell } from "../../../src/model/cell.ts";
import type { Expectation, Operation } from "../../../src/model/matrix.ts";
import type {
  Answer,
  CandidateAttempt,
  Observation,
  RowsObservation,
} from "../../../src/model/observation.ts";

// (expectation × observation) → verdict, as plain data. What Postgres really answers is tested against Postgres, in test/e2e.

const all = ["id", "owner"];
const held = {
  schemaUsage: true,
  delete: true,
  truncate: true,
  select: all,
  insert: all,
  update: all,
};
const info = {
  oid: "1",
  schema: "public",
  name: "notes",
  kind: "table",
  owner: "owner",
  rls: true,
  forceRls: false,
  securityInvoker: false,
  accepts: ["insert", "update", "delete"],
  columns: all.map((name) => ({ name })),
  constraints: [],
  triggers: [],
  policies: [{ name: "own", command: "all", permissive: true, roles: ["public"], using: "x", check: null }],
  privileges: { app: held },
};
const role = { name: "app", superuser: false, bypassRls: false, inherits: ["app"] };

const expectations = {
  deny: { kind: "deny", reason: undefined },
  "deny: filter": { kind: "deny", reason: "filter" },
  "deny: check": { kind: "deny", reason: "check" },
  "deny: grant": { kind: "deny", reason: "grant" },
  allow: { kind: "allow" },
  rows: { kind: "rows", name: "own", predicate: "x" },
  within: { kind: "within", name: "own", predicate: "x" },
  candidates: { kind: "candidates", accept: ["mine"], reject: ["other"] },
} as unknown as Record<string, Expectation>;
type Declared = keyof typeof expectations;

/** What is changed of a persona with every privilege on a table with policies. */
const places = {
  "": {},
  "no grant": {
    relation: {
      info: {
        ...info,
        privileges: { app: { ...held, select: [], insert: [], update: [], delete: false, truncate: false } },
      },
    },
  },
  "no schema": { relation: { info: { ...info, privileges: { app: { ...held, schemaUsage: false } } } } },
  superuser: { role: { ...role, superuser: true } },
  bypassrls: { role: { ...role, bypassRls: true } },
  owner: { role: { ...role, inherits: ["app", "owner"] } },
  "owner, FORCE": {
    role: { ...role, inherits: ["app", "owner"] },
    relation: { info: { ...info, forceRls: true } },
  },
  "a view": { relation: { info: { ...info, kind: "view", rls: false } } },
  "a view over a join": { relation: { info: { ...info, kind: "view", rls: false, accepts: [] } } },
  "no policy": { relation: { info: { ...info, policies: [] } } },
  "policy for SELECT": {
    relation: { info: { ...info, policies: [{ ...info.policies[0], command: "select" }] } },
  },
} as const;
type Place = keyof typeof places;

function cell(operation: Operation, declared: Declared, place: Place = "", more: object = {}): Cell {
  const expectation = expectations[declared] as Expectation;
  const changed: { readonly relation?: object; readonly role?: object } = places[place];
  return {
    id: `ana/public.notes/${operation}`,
    persona: { name: "ana", role: "app", claims: undefined, settings: {} },
    role,
    operation,
    expectation,
    candidates: [],
    behindGateway: false,
    ...changed,
    relation: { info, key: ["id"], baseline: info, base: undefined, ...changed.relation },
    ...more,
  } as unknown as Cell;
}

const trusted = { channel: "direct", identityShown: true } as const;

function verdict(of: Cell, seen: Observation): string {
  const { verdict: word, deniedBy } = judge(of, seen, trusted);
  return deniedBy === undefined ? word : `${word} by ${deniedBy}`;
}

/** Of `total` rows `declared` are declared; `read` came, of which `extra` are not declared. */
function rows(
  [total, declared, read, extra = 0]: readonly number[],
  more: Partial<RowsObservation> = {},
  answer: Partial<Answer> = {},
): Observation {
  const [t = 0, d = 0, r = 0] = [total, declared, read];
  return {
    kind: "rows",
    answer: { code: null, rows: r, ...answer },
    baseline: { total: t, declared: d },
    affected: r,
    unexpected: extra,
    missing: d - (r - extra),
    undetermined: 0,
    unexpectedKeys: [],
    missingKeys: [],
    method: "whole",
    mayBeHidden: false,
    forbiddenUpdates: [],
    states: [],
    ...more,
  };
}

const check: Partial<Answer> = { code: "42501", routine: "ExecWithCheckOptions" };

describe("rows that were reached", () => {
  test.each<readonly [string, Operation, Declared, Place, Observation, string]>([
    // What is declared, and what came.
    ["nothing came", "select", "deny", "", rows([3, 0, 0]), "pass by filter"],
    ["a row came", "select", "deny", "", rows([3, 0, 1, 1]), "leak by filter"],
    ["every row came", "select", "deny", "", rows([3, 0, 3, 3]), "leak"],
    ["every row came", "select", "allow", "", rows([3, 3, 3]), "pass"],
    ["a row is missing", "select", "allow", "", rows([3, 3, 2]), "lockout by filter"],
    ["nothing came", "select", "allow", "", rows([3, 3, 0]), "lockout by filter"],
    ["exactly the row set", "select", "rows", "", rows([3, 1, 1]), "pass by filter"],
    ["one too many", "select", "rows", "", rows([3, 1, 2, 1]), "leak by filter"],
    ["one too few", "select", "rows", "", rows([3, 2, 1]), "lockout by filter"],
    ["another row instead", "select", "rows", "", rows([3, 1, 1, 1]), "leak by filter"],
    ["fewer than the upper bound", "select", "within", "", rows([3, 2, 1]), "pass by filter"],
    ["none of the upper bound", "select", "within", "", rows([3, 2, 0]), "pass by filter"],
    ["outside the upper bound", "select", "within", "", rows([3, 2, 1, 1]), "leak by filter"],
    // What proves nothing.
    ["an empty table", "select", "deny", "", rows([0, 0, 0]), "vacuous"],
    ["an empty table", "select", "allow", "", rows([0, 0, 0]), "vacuous"],
    ["an empty row set", "select", "rows", "", rows([3, 0, 0]), "vacuous by filter"],
    ["a row set of every row", "select", "rows", "", rows([3, 3, 3]), "vacuous"],
    ["an upper bound of every row", "select", "within", "", rows([3, 3, 3]), "vacuous"],
    [
      "a trigger may hide what happened",
      "update",
      "deny",
      "",
      rows([3, 0, 0], { mayBeHidden: true }),
      "inconclusive by filter",
    ],
    [
      "a row is undetermined",
      "update",
      "deny",
      "",
      rows([3, 0, 0], { undetermined: 1 }),
      "inconclusive by filter",
    ],
    [
      "a row is undetermined, another too many",
      "update",
      "deny",
      "",
      rows([3, 0, 1, 1], { undetermined: 1 }),
      "leak by filter",
    ],
    // Which layer denies.
    ["filtered, as declared", "delete", "deny: filter", "", rows([3, 0, 0]), "pass by filter"],
    ["filtered, not refused", "delete", "deny: grant", "", rows([3, 0, 0]), "leak by filter"],
    [
      "refused before the filter",
      "delete",
      "deny: filter",
      "no grant",
      rows([3, 0, 0], {}, { code: "42501" }),
      "lockout by grant",
    ],
    [
      "no grant",
      "delete",
      "deny: grant",
      "no grant",
      rows([3, 0, 0], {}, { code: "42501" }),
      "pass by grant",
    ],
    [
      "no grant on rows that are declared",
      "select",
      "rows",
      "no grant",
      rows([3, 1, 0], {}, { code: "42501" }),
      "lockout by grant",
    ],
    [
      "no USAGE of the schema",
      "select",
      "deny",
      "no schema",
      rows([3, 0, 0], {}, { code: "42501" }),
      "pass by schema",
    ],
    [
      "an UPDATE that its check refuses",
      "update",
      "deny: check",
      "",
      rows([3, 0, 0], {}, check),
      "pass by check",
    ],
    [
      "a refusal by nobody knows what",
      "update",
      "deny",
      "",
      rows([3, 0, 0], {}, { code: "42501" }),
      "inconclusive",
    ],
    [
      "the same, and the rows are declared",
      "update",
      "rows",
      "",
      rows([3, 1, 0], {}, { code: "42501" }),
      "lockout",
    ],
    // Who is above the policies is not denied by them.
    ["filtered", "select", "deny", "superuser", rows([3, 0, 0]), "error by filter"],
    ["refused", "select", "deny", "superuser", rows([3, 0, 0], {}, { code: "42501" }), "error"],
    ["filtered", "select", "deny", "bypassrls", rows([3, 0, 0]), "error by filter"],
    ["filtered", "select", "deny", "owner", rows([3, 0, 0]), "error by filter"],
    ["filtered", "select", "deny", "owner, FORCE", rows([3, 0, 0]), "pass by filter"],
    ["every row came", "select", "allow", "bypassrls", rows([3, 3, 3]), "pass"],
    // Views.
    ["more than the privileged connection sees", "select", "deny", "a view", rows([0, 0, 1, 1]), "leak"],
    [
      "a view that takes no UPDATE",
      "update",
      "deny",
      "a view over a join",
      rows([3, 0, 0], {}, { code: "55000" }),
      "pass",
    ],
    [
      "a view that takes no UPDATE, and rows are declared",
      "update",
      "allow",
      "a view over a join",
      rows([3, 3, 0], {}, { code: "55000" }),
      "lockout",
    ],
    // Session states besides the first.
    [
      "open where the setting was never set",
      "select",
      "deny",
      "",
      rows([3, 0, 0], {
        states: [{ state: "never set", answer: { code: null }, affected: 3, unexpected: 3 }],
      }),
      "leak by filter",
    ],
    [
      "an error where it was reset",
      "select",
      "deny",
      "",
      rows([3, 0, 0], { states: [{ state: "reset", answer: { code: "42704" }, affected: 0 }] }),
      "error by filter",
    ],
    [
      "no answer where it was reset",
      "select",
      "deny",
      "",
      rows([3, 0, 0], { untestedStates: [{ state: "reset", failure: { kind: "timeout", message: "" } }] }),
      "inconclusive by filter",
    ],
  ])("%s: %s, %s %s", (_said, operation, declared, place, seen, wanted) => {
    expect(verdict(cell(operation, declared, place), seen)).toBe(wanted);
  });
});

describe("every meaning of an error, for each operation that reaches rows", () => {
  /** One code of each meaning, and what it makes of a deny and of an allow where no row came. */
  const meanings: Readonly<Record<Meaning, readonly [code: string, deny: string, allow: string]>> = {
    refused: ["44000", "pass", "lockout"],
    // The policy has let a row through, and nothing tells which.
    constraint: ["23514", "inconclusive", "inconclusive"],
    impossible: ["55000", "inconclusive", "inconclusive"],
    credentials: ["PGRST301", "error", "error"],
    unreached: ["57014", "inconclusive", "inconclusive"],
    broken: ["42P17", "error", "error"],
  };
  const operations = ["select", "update", "delete", "blind_update", "blind_delete", "upsert"] as const;
  /** No check refuses what writes no new row: it was something else. */
  const unchecked: readonly Operation[] = ["select", "delete", "blind_delete"];
  const table = Object.entries(meanings).flatMap(([meaning, [code, deny, allow]]) =>
    operations.flatMap((operation) => [
      [
        meaning,
        code,
        operation,
        "deny",
        meaning === "refused" && unchecked.includes(operation) ? "inconclusive" : deny,
      ] as const,
      [meaning, code, operation, "allow", allow] as const,
    ]),
  );
  test.each(table)("%s (%s) at %s, %s", (meaning, code, operation, declared, wanted) => {
    const http =
      meaning === "credentials" ? { http: { status: 401, contentRange: null, preferenceApplied: null } } : {};
    const answer = { code, constraint: { name: "c", table: "public.notes" }, ...http };
    const none = declared === "deny" ? [3, 0, 0] : [3, 3, 0];
    const [word] = verdict(cell(operation, declared), rows(none, {}, answer)).split(" ");
    expect(word).toBe(wanted);
  });
});

function inserted(
  ...attempts: readonly (readonly [string, Partial<Answer>, ("declared" | "built")?, object?])[]
): Observation {
  return {
    kind: "insert",
    attempts: attempts.map(
      ([name, answer, origin = "declared", more = {}]): CandidateAttempt => ({
        candidate: { name, origin },
        answer: { code: null, rows: 1, ...answer },
        rewritten: [],
        ...more,
      }),
    ),
  };
}

const own = { code: "23505", constraint: { name: "notes_pkey", table: "public.notes" } };

describe("INSERT, candidate by candidate", () => {
  test.each<readonly [string, Declared, Place, Observation, string]>([
    ["refused, one of its own making", "deny", "", inserted(["mine", check, "built"]), "pass by check"],
    ["refused, but none of its own making", "deny", "", inserted(["mine", check]), "vacuous by check"],
    ["let in", "deny", "", inserted(["mine", {}]), "leak"],
    ["let in by the policy, stopped by a key", "deny", "", inserted(["mine", own]), "leak"],
    [
      "stopped by another table",
      "deny",
      "",
      inserted(["mine", { ...own, constraint: { name: "k", table: "public.others" } }]),
      "inconclusive",
    ],
    ["one refused, one let in", "deny", "", inserted(["mine", check, "built"], ["other", {}]), "leak"],
    ["no candidate", "deny", "", inserted(), "vacuous"],
    ["no grant", "deny", "no grant", inserted(["mine", { code: "42501" }]), "pass by grant"],
    ["no policy lets it insert", "deny", "policy for SELECT", inserted(["mine", check]), "pass by check"],
    [
      "above the policies, and refused",
      "deny",
      "bypassrls",
      inserted(["mine", check, "built"]),
      "error by check",
    ],
    ["a view over a join", "deny", "a view over a join", inserted(["mine", { code: "55000" }]), "pass"],
    ["an error of the policy", "deny", "", inserted(["mine", { code: "42P17" }]), "error"],
    ["a value that does not fit", "deny", "", inserted(["mine", { code: "22P02" }]), "inconclusive"],
    ["let in", "allow", "", inserted(["mine", {}]), "pass"],
    ["refused", "allow", "", inserted(["mine", check]), "lockout by check"],
    ["no candidate", "allow", "", inserted(), "vacuous"],
    ["as declared", "candidates", "", inserted(["mine", {}], ["other", check]), "pass"],
    ["both let in", "candidates", "", inserted(["mine", {}], ["other", {}]), "leak"],
    ["both refused", "candidates", "", inserted(["mine", check], ["other", check]), "lockout by check"],
    ["the rejected one was not tried", "candidates", "", inserted(["mine", {}]), "inconclusive"],
    [
      "stored with other values",
      "candidates",
      "",
      inserted(["mine", {}, "declared", { rewritten: ["owner"] }], ["other", check]),
      "inconclusive",
    ],
    [
      "stored, and no telling how",
      "candidates",
      "",
      inserted(["mine", {}, "declared", { unseen: true }], ["other", check]),
      "inconclusive",
    ],
  ])("%s: %s %s", (_said, declared, place, seen, wanted) => {
    const [word = "", ...by] = verdict(cell("insert", declared, place), seen).split(" ");
    expect(wanted.includes(" by ") ? [word, ...by].join(" ") : word).toBe(wanted);
  });
});

describe("TRUNCATE, which no policy sees", () => {
  test.each<readonly [string, Declared, Place, Partial<Answer>, string]>([
    ["granted", "deny", "", {}, "leak"],
    ["granted", "allow", "", {}, "pass"],
    ["granted, and a foreign key stops it", "deny", "", { code: "0A000" }, "leak"],
    ["not granted", "deny", "no grant", { code: "42501" }, "pass by grant"],
    ["not granted", "allow", "no grant", { code: "42501" }, "lockout by grant"],
    ["not granted to a superuser", "deny", "superuser", { code: "42501" }, "inconclusive"],
    ["a lock that was not had", "deny", "", { code: "55P03" }, "inconclusive"],
    ["something broken", "deny", "", { code: "XX000" }, "error"],
  ])("%s: %s %s", (_said, declared, place, answer, wanted) => {
    const seen: Observation = { kind: "statement", answer: { code: null, ...answer } };
    expect(verdict(cell("truncate", declared, place), seen)).toBe(wanted);
  });
});

const call = (execute: boolean, raises: readonly string[] = []): object => ({
  call: {
    name: "f",
    only: true,
    called: "f",
    values: {},
    raises,
    routine: { privileges: { app: { schemaUsage: true, execute } } },
  },
});

describe("a call whose rows are not declared", () => {
  const through = { persona: "luis", call: undefined, answer: { code: null } };
  test.each<readonly [string, Declared, object, Partial<Answer>, object | undefined, string]>([
    ["went through", "deny", call(true), {}, undefined, "leak"],
    ["returned no row", "deny", call(true), { rows: 0 }, undefined, "leak"],
    ["without EXECUTE", "deny", call(false), { code: "42501" }, undefined, "pass by execute"],
    ["refused by its body alone", "deny", call(true), { code: "42501" }, undefined, "vacuous by check"],
    [
      "refused by its body, and another's call went through",
      "deny",
      call(true),
      { code: "42501" },
      through,
      "pass by check",
    ],
    [
      "refused by its body, and another's call too",
      "deny",
      call(true),
      { code: "42501" },
      { ...through, answer: { code: "42501" } },
      "vacuous by check",
    ],
    [
      "its body raises what is declared",
      "deny",
      call(true, ["P0001"]),
      { code: "P0001", foreignFrame: true },
      through,
      "pass by check",
    ],
    ["its body raises what is not declared", "deny", call(true), { code: "P0001" }, through, "inconclusive"],
    ["went through", "allow", call(true), {}, undefined, "pass"],
    ["without EXECUTE", "allow", call(false), { code: "42501" }, undefined, "lockout by execute"],
    ["a broken body", "allow", call(true), { code: "42703" }, undefined, "error"],
    [
      "refused before it was called",
      "deny",
      call(true),
      { code: "42501", beforeProbe: true },
      through,
      "inconclusive",
    ],
  ])("%s: %s", (_said, declared, more, answer, positiveControl, wanted) => {
    const seen = {
      kind: "call",
      answer: { code: null, ...answer },
      states: [],
      positiveControl,
    } as unknown as Observation;
    expect(verdict(cell("execute", declared, "", more), seen)).toBe(wanted);
  });
});

describe("a column that a write assigns", () => {
  test.each<readonly [string, "deny" | "allow", object, string]>([
    ["took a value", "deny", { stored: ["'x'"] }, "leak"],
    ["took a value", "allow", { stored: ["'x'"] }, "pass"],
    ["refused by a policy", "deny", { refusals: ["42501"] }, "pass by check"],
    ["refused by a policy", "allow", { refusals: ["42501"] }, "lockout by check"],
    ["refused by constraints alone", "deny", { refusals: ["23514"] }, "inconclusive by check"],
    ["put back by a trigger", "deny", { putBack: true }, "pass by check"],
    ["no row to try", "deny", { rows: 0, tried: 0 }, "vacuous by check"],
    ["no privilege", "deny", { privilege: false }, "pass by grant"],
    ["no privilege", "allow", { privilege: false }, "lockout by grant"],
  ])("%s: %s", (_said, declared, more, wanted) => {
    const seen: Observation = {
      kind: "assignment",
      operation: "update",
      rows: 1,
      tried: 1,
      stored: [],
      refusals: [],
      putBack: false,
      sql: undefined,
      ...more,
    };
    expect(verdict(cell("update", declared, "", { column: "owner" }), seen)).toBe(wanted);
  });
});

describe("whatever was declared", () => {
  test.each<readonly [Observation, string]>([
    [{ kind: "failed", failure: { kind: "connection", message: "gone" } }, "error"],
    [{ kind: "failed", failure: { kind: "timeout", message: "15 s" } }, "inconclusive"],
    [{ kind: "failed", failure: { kind: "not-sent", message: "paused" } }, "inconclusive"],
    [{ kind: "failed", failure: { kind: "protocol", message: "not HTTP" } }, "error"],
    [{ kind: "skipped", reason: "the posture" }, "skipped"],
  ])("no answer is no pass: %j", (seen, wanted) => {
    for (const declared of Object.keys(expectations))
      expect(verdict(cell("select", declared), seen)).toBe(wanted);
  });

  test("a deny proves nothing where nothing shows that the persona's identity arrives; a missing grant does", () => {
    const persona = { name: "ana", role: "app", claims: { sub: "a" }, settings: {} };
    const asked = (place: Place, seen: Observation): string =>
      judge(cell("select", "deny", place, { persona }), seen, { channel: "rest", identityShown: false })
        .verdict;
    expect(asked("", rows([3, 0, 0]))).toBe("inconclusive");
    expect(asked("", rows([3, 0, 1, 1]))).toBe("leak");
    expect(asked("no grant", rows([3, 0, 0], {}, { code: "42501" }))).toBe("pass");
  });
});
