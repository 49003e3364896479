import { describe, expect, it } from "vitest";
import { diffExitCode, type DiffSide, diffRuns, undeclared } from "../../../src/diff/diff.ts";
import { newFindings } from "../../../src/diff/findings.ts";
import { diffText } from "../../../src/diff/text.ts";
import { type ArchivedRun, archivedRun } from "../../../src/report/archived-run.ts";
import { pageData } from "../../../src/report/html/view.ts";
import type { Catalog, PolicyInfo, RelationInfo } from "../../../src/model/catalog.ts";
import type { Finding } from "../../../src/model/finding.ts";
import type { Expectation } from "../../../src/model/matrix.ts";
import type { Observation } from "../../../src/model/observation.ts";
import type { CellRecord } from "../../../src/model/run.ts";
import {
  accepted,
  allow,
  cell,
  channel,
  inserted,
  reach,
  record,
  refused,
} from "../../fixtures/runs/build.ts";

type Rules = DiffSide["catalog"];
const noRules: Rules = { relations: [], routines: [], roles: [] };

function side(cells: readonly CellRecord[], catalog: Rules = noRules): DiffSide {
  return { run: record(cells).run, catalog, cells: () => cells };
}

function archived({ run, cells, catalog }: DiffSide): ArchivedRun {
  return archivedRun(run, "logs", cells, undefined, async () => catalog as Catalog);
}

function saw(observation: Observation, facts: Partial<CellRecord> = {}): CellRecord {
  return cell({ channels: { direct: channel("pass", { observation }) }, ...facts });
}

function reads(affected: number, facts: Partial<CellRecord> = {}, total = 40): CellRecord {
  return saw(reach({ affected, baseline: { total, declared: affected } }), facts);
}

function rows(predicate: string, name = "mine"): Partial<CellRecord> {
  const expectation: Expectation = { kind: "rows", name, predicate };
  return { expectation };
}

const mine = rows("owner = 'ana'");
const late = saw({ kind: "failed", failure: { kind: "timeout", message: "late" } }, { verdict: "error" });
const denied = refused("42501", "no");
const move = (answer: typeof accepted): CellRecord["channels"] => ({
  direct: channel("pass", {
    observation: reach({
      affected: 1,
      forbiddenUpdates: [{ candidate: { name: "to_other", origin: "declared" }, answer, rewritten: [] }],
    }),
  }),
});

interface Case {
  readonly name: string;
  readonly before?: CellRecord;
  readonly after?: CellRecord;
  /** gained, lost, gained and not declared, exit code */
  readonly is: readonly [number, number, number, number];
}

const cases: readonly Case[] = [
  { name: "the same twice", before: reads(3, mine), after: reads(3, mine), is: [0, 0, 0, 0] },
  { name: "a leak", before: reads(0), after: reads(3, { verdict: "leak" }), is: [1, 0, 1, 1] },
  {
    name: "a leak that was repaired",
    before: reads(3, { verdict: "leak" }),
    after: reads(0),
    is: [0, 1, 0, 0],
  },
  {
    name: "a changed matrix declares more",
    before: reads(3, mine),
    after: reads(40, { expectation: allow }),
    is: [1, 0, 0, 0],
  },
  {
    name: "a changed matrix declares less than is reached",
    before: reads(0),
    after: reads(40, { ...mine, verdict: "leak" }),
    is: [1, 0, 1, 1],
  },
  {
    name: "the matrix declares the same, and more of the same rows are reached",
    before: reads(3, mine),
    after: reads(5, mine),
    is: [1, 0, 1, 1],
  },
  {
    name: "a row set that has only another name is no change of what is declared",
    before: reads(3, mine),
    after: reads(5, rows("owner = 'ana'", "own")),
    is: [1, 0, 1, 1],
  },
  {
    name: "another predicate under the same name is one",
    before: reads(3, mine),
    after: reads(5, rows("owner = 'ana' or shared")),
    is: [1, 0, 0, 0],
  },
  {
    name: "the data grew: as many rows are out of reach as before",
    before: reads(3, mine),
    after: reads(5, mine, 42),
    is: [1, 0, 0, 0],
  },
  {
    name: "the data grew by fewer rows than are reached now",
    before: reads(3, mine),
    after: reads(5, mine, 41),
    is: [1, 0, 1, 1],
  },
  {
    name: "an unexpected row in the place of a declared one: the number is the same",
    before: reads(3, mine),
    after: saw(reach({ affected: 3, unexpected: 1, missing: 1 }), { ...mine, verdict: "leak" }),
    is: [1, 0, 1, 1],
  },
  {
    name: "one channel reaches less, the other more",
    before: cell({
      channels: {
        direct: channel("pass", { observation: reach({ affected: 9 }) }),
        rest: channel("pass", { observation: reach() }),
      },
      expectation: allow,
    }),
    after: cell({
      channels: {
        direct: channel("pass", { observation: reach() }),
        rest: channel("leak", { observation: reach({ affected: 2 }) }),
      },
      expectation: allow,
      verdict: "diverged",
    }),
    is: [1, 1, 1, 1],
  },
  {
    name: "another candidate is accepted, and one no longer",
    before: saw(inserted(["as_me", accepted], ["as_other", denied])),
    after: saw(inserted(["as_me", denied], ["as_other", accepted]), { verdict: "leak" }),
    is: [1, 1, 1, 1],
  },
  {
    name: "a forbidden update is accepted, on as many rows as before",
    before: cell({ channels: move(denied) }),
    after: cell({ channels: move(accepted), verdict: "leak" }),
    is: [1, 0, 1, 1],
  },
  { name: "a probe that fails now", before: reads(0), after: late, is: [0, 0, 0, 2] },
  {
    name: "no row is there now",
    before: reads(3, mine),
    after: reads(0, { verdict: "vacuous" }, 0),
    is: [0, 0, 0, 2],
  },
  { name: "a probe that failed before, and passes", before: late, after: reads(3, mine), is: [0, 0, 0, 0] },
  {
    name: "a probe that failed before, and leaks",
    before: late,
    after: reads(3, { verdict: "leak" }),
    is: [1, 0, 1, 1],
  },
  { name: "a probe that failed in both", before: late, after: late, is: [0, 0, 0, 0] },
  { name: "a new cell, as declared", after: reads(3, mine), is: [1, 0, 0, 0] },
  { name: "a new cell that leaks", after: reads(3, { verdict: "leak" }), is: [1, 0, 1, 1] },
  { name: "a cell that is gone", before: reads(3, mine), is: [0, 0, 0, 0] },
];

describe("access", () => {
  it.each(cases)("$name", async ({ before, after, is }) => {
    const one = (given: CellRecord | undefined): DiffSide => side(given === undefined ? [] : [given]);
    const diff = await diffRuns(one(before), one(after));
    expect([diff.gained.length, diff.lost.length, undeclared(diff).length, diffExitCode(diff)]).toEqual(is);
    const both = before !== undefined && after !== undefined;
    expect(diff.verdicts).toHaveLength(both && before.verdict !== after.verdict ? 1 : 0);
    expect([diff.added.length, diff.removed.length]).toEqual([
      before === undefined ? 1 : 0,
      after === undefined ? 1 : 0,
    ]);
    const { against } = await pageData(archived(one(after)), archived(one(before)));
    const kinds = (against?.kind ?? []).flatMap((place) => against?.kinds[place]?.name ?? []);
    const undeclaredGain = "gained access that no change of the matrix declares";
    expect(kinds.filter((name) => name === undeclaredGain)).toHaveLength(undeclared(diff).length);
    expect(kinds.some((name) => name === "gained access, as declared" || name === "new cells")).toBe(
      diff.gained.length > undeclared(diff).length,
    );
    expect(against?.gone).toHaveLength(diff.removed.length);
  });

  it("is told in a sentence with keys and what to do; nothing of it is markup or obeyed by a terminal", async () => {
    const after = saw(
      reach({ affected: 3, unexpected: 3, unexpectedKeys: ['{"id":"`<script>\u001b[31m"}'] }),
      {
        verdict: "leak",
      },
    );
    const diff = await diffRuns(side([reads(0)]), side([after]));
    const text = diffText(diff, false);
    expect(text).toContain("1 gained (1 not declared by a change of the matrix), 0 lost");
    expect(text).toContain("▲ ana may read public.courses: 0 of 40 → 3 of 40 (3 unexpected), for example");
    expect(text).toContain("does not declare it, at matrices/fne-lms.yaml:41: change the policy or grant");
    expect(text).not.toContain("\u001b");
    expect(diffText(diff, true)).toContain("'<script>");
  });
});

const own: PolicyInfo = {
  name: "own",
  command: "select",
  permissive: true,
  roles: ["web"],
  using: "owner = 1",
  check: null,
};
const held = { schemaUsage: true, delete: false, truncate: false, select: ["id"], insert: [], update: [] };
const notes = {
  schema: "public",
  name: "notes",
  kind: "table",
  owner: "postgres",
  rls: true,
  forceRls: false,
  securityInvoker: false,
  policies: [own],
  columns: [{ name: "id" }, { name: "body" }],
  privileges: { web: held },
} as unknown as RelationInfo;
const count = {
  schema: "public",
  name: "count",
  kind: "function",
  owner: "postgres",
  securityDefiner: false,
  settings: [],
  arguments: [{ type: "integer" }],
  privileges: { web: { execute: false, schemaUsage: true } },
} as unknown as Catalog["routines"][number];
const web = { name: "web", superuser: false, bypassRls: false, canLogin: true, inherits: [], mayBecome: [] };
const defaults = { owner: "postgres", schema: "public", objects: "tables", acl: ["web=r/postgres"] };

function table(facts: Partial<RelationInfo>, origins?: Rules["origins"]): Rules {
  return { ...noRules, relations: [{ ...notes, ...facts }], origins };
}

it("a leak beside the cells is one that the later run found, and the earlier one did not", async () => {
  const leak: Finding = {
    kind: "argument-leak",
    function: "public.find(uid uuid)",
    personas: ["ana"],
    with: "with uid = 'u2' (luis)",
    relation: "public.docs",
    rows: 1,
    keys: ['{"id":2}'],
    sql: "select * from find('u2')",
  };
  const at = (findings: readonly Finding[]): DiffSide => ({ ...side([]), run: record([], { findings }).run });
  const found = await diffRuns(at([]), at([leak]));
  expect(found.leaks).toEqual([expect.stringMatching(/^argument-leak: .*public\.find/)]);
  expect(diffExitCode(found)).toBe(1);
  expect(diffText(found, false)).toContain("Leaks that the earlier run did not find");
  expect((await diffRuns(at([leak]), at([leak]))).leaks).toEqual([]);
});

function definer(roles: readonly string[], name = "public.find()"): Finding {
  return { kind: "undeclared-definer", function: name, owner: "postgres", roles };
}

describe("findings", () => {
  it.each([
    ["the same", [definer(["anon"])], [definer(["anon"])], 0],
    ["one role is left", [definer(["anon", "web"])], [definer(["web"])], 0],
    ["one more role", [definer(["anon"])], [definer(["anon", "web"])], 1],
    ["another function", [definer(["anon"])], [definer(["anon"], "public.list()")], 1],
    ["nothing before", [], [definer(["anon"])], 1],
    ["nothing afterwards", [definer(["anon"])], [], 0],
  ] as const)("%s", (_, before, after, found) => {
    expect(newFindings(before, after)).toHaveLength(found);
  });
});

describe("what is in force", () => {
  it.each([
    ["the same", {}, {}, []],
    [
      "a policy",
      table({}),
      table({ policies: [{ ...own, using: "true" }] }),
      [
        'table public.notes: policy own was policy "own" FOR SELECT TO web USING (owner = 1); it is policy "own" FOR SELECT TO web USING (true) now',
      ],
    ],
    [
      "a dropped policy",
      table({}),
      table({ policies: [] }),
      ['table public.notes: policy own is gone; it was policy "own" FOR SELECT TO web USING (owner = 1)'],
    ],
    [
      "row-level security",
      table({}),
      table({ rls: false }),
      ["table public.notes: row-level security was on; it is off now"],
    ],
    [
      "an owner",
      table({}),
      table({ owner: "web" }),
      ["table public.notes: owner was postgres; it is web now"],
    ],
    [
      "grants",
      table({}),
      table({ privileges: { web: { ...held, select: ["id", "body"], delete: true } } }),
      ["table public.notes: privileges of web: added SELECT, DELETE; removed SELECT (id)"],
    ],
    [
      "a policy, and where SQL defines it now",
      table({}, { "policy own on public.notes": "a.sql:2" }),
      table({ policies: [{ ...own, using: "true" }] }, { "policy own on public.notes": "b.sql:7" }),
      [
        'table public.notes: policy own was policy "own" FOR SELECT TO web USING (owner = 1); it is policy "own" FOR SELECT TO web USING (true) now, by the SQL at b.sql:7',
      ],
    ],
    [
      "a dropped policy, and where SQL defined it",
      table({}, { "policy own on public.notes": "a.sql:2" }),
      table({ policies: [] }),
      [
        'table public.notes: policy own is gone; it was policy "own" FOR SELECT TO web USING (owner = 1), by the SQL at a.sql:2 of the earlier run',
      ],
    ],
    [
      "row-level security, and the ALTER TABLE",
      table({}),
      table({ rls: false }, { "option row-level security on public.notes": "b.sql:9" }),
      ["table public.notes: row-level security was on; it is off now, by the SQL at b.sql:9"],
    ],
    [
      "grants of a column, to PUBLIC and to an inherited role",
      { ...table({}), roles: [{ ...web, inherits: ["web", "staff"] }] },
      {
        ...table(
          { privileges: { web: { ...held, select: ["id", "body"], delete: true, insert: ["body"] } } },
          {
            "grant select on table public.notes to public": "b.sql:1",
            "grant delete on table public.notes to staff": "b.sql:2",
            "grant insert (body) on table public.notes to web": "b.sql:3",
            "grant insert (id) on table public.notes to web": "b.sql:4",
            "grant delete on table public.others to web": "b.sql:5",
          },
        ),
        roles: [{ ...web, inherits: ["web", "staff"] }],
      },
      [
        "table public.notes: privileges of web: added SELECT, INSERT (body), DELETE, by the SQL at b.sql:1, b.sql:3, b.sql:2; removed SELECT (id)",
      ],
    ],
    ["a dropped table", table({}), noRules, ["table public.notes is gone"]],
    [
      "a new table",
      noRules,
      table({ rls: false, policies: [] }),
      [
        "table public.notes is new",
        "table public.notes: owner is new: postgres",
        "table public.notes: privileges of web: added SELECT (id), USAGE of the schema",
      ],
    ],
    [
      "a function",
      { ...noRules, routines: [count] },
      {
        ...noRules,
        routines: [
          { ...count, securityDefiner: true, privileges: { web: { execute: true, schemaUsage: true } } },
        ],
      },
      [
        "function public.count(integer): SECURITY DEFINER was off; it is on now",
        "function public.count(integer): roles with EXECUTE: added web",
      ],
    ],
    [
      "what a helper of a policy and a view say",
      {
        ...noRules,
        definitions: { "function app.is_admin(uuid)": "1", "view public.v": "1", "view public.w": "1" },
      },
      {
        ...noRules,
        definitions: {
          "function app.is_admin(uuid)": "2",
          "view public.v": "2",
          "function app.is_staff()": "1",
        },
        origins: { "function app.is_admin(uuid)": "b.sql:4", "view public.v": "b.sql:9" },
      },
      [
        "function app.is_admin(uuid): the definition is another one now, by the SQL at b.sql:4",
        "function app.is_staff(): the definition is new",
        "view public.v: the definition is another one now, by the SQL at b.sql:9",
        "view public.w: the definition is gone",
      ],
    ],
    [
      "a role",
      { ...noRules, roles: [web] },
      { ...noRules, roles: [{ ...web, bypassRls: true }] },
      ["role web: BYPASSRLS was off; it is on now"],
    ],
    [
      "default privileges",
      { ...noRules, defaultPrivileges: [defaults] },
      { ...noRules, defaultPrivileges: [{ ...defaults, acl: ["web=rw/postgres"] }] },
      [
        "default privileges for new tables of postgres in schema public: grants: added web=rw/postgres; removed web=r/postgres",
      ],
    ],
    [
      "default privileges, unknown before",
      noRules,
      { ...noRules, defaultPrivileges: [defaults] },
      ["Default privileges cannot be compared: the earlier archive does not hold them"],
    ],
  ] as readonly (readonly [string, Partial<Rules>, Partial<Rules>, readonly string[]])[])(
    "%s",
    async (_, before, after, sentences) => {
      const diff = await diffRuns(side([], { ...noRules, ...before }), side([], { ...noRules, ...after }));
      expect(diff.rules).toEqual(sentences);
    },
  );
});
