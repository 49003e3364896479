import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Cell } from "../../src/model/cell.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { loadParser } from "../../src/lib/sql-tree.ts";
import type { PolicyInfo, RelationInfo, RoleInfo } from "../../src/model/catalog.ts";
import { noBodies, readBodies } from "../../src/mutate/bodies.ts";
import type { FunctionSource } from "../../src/mutate/functions.ts";
import { equivalence } from "../../src/mutate/equivalent.ts";
import { mayChange } from "../../src/mutate/mutate.ts";
import type { Mutant } from "../../src/mutate/mutant.ts";
import { Transcripts } from "../../src/mutate/transcripts.ts";
import { mayDiffer } from "../../src/mutate/visible.ts";
import type { Reply } from "../../src/probe/sql/protocol.ts";
import { suggestionFor } from "../../src/mutate/suggest.ts";
import { mutantsOf } from "../../src/mutate/operators.ts";
import { readersOf, type SqlText } from "../../src/mutate/readers.ts";
import { unusable } from "../../src/mutate/unseen.ts";

beforeAll(loadParser);

const column = (name: string, notNull: boolean): RelationInfo["columns"][number] => ({
  name,
  type: "integer",
  notNull,
  hasDefault: false,
  identity: null,
  generated: false,
  domain: false,
});
const privileges = {
  schemaUsage: true,
  delete: true,
  truncate: false,
  select: ["a", "b"],
  insert: ["a", "b"],
  update: ["a", "b"],
};
const policy = (using: string | null, more: Partial<PolicyInfo> = {}): PolicyInfo => ({
  name: "p",
  command: "all",
  permissive: true,
  roles: ["member"],
  using,
  check: null,
  ...more,
});
const relation = (...policies: readonly PolicyInfo[]): RelationInfo => ({
  oid: "1",
  schema: "public",
  name: "docs",
  kind: "table",
  owner: "owner",
  rls: true,
  forceRls: false,
  securityInvoker: false,
  isPartition: false,
  accepts: ["insert", "update", "delete"],
  columns: [column("a", true), column("b", false)],
  primaryKey: ["a"],
  uniqueKeys: [],
  constraints: [],
  policies,
  triggers: [],
  rules: [],
  reads: [],
  privileges: { member: privileges },
  acl: ["member=arwd/owner", '"odd=role"=r/owner', "=r/owner"],
});
const emptyPath = " SET search_path TO ''";
const definitionOf = (head: string, body: string): string =>
  `CREATE OR REPLACE FUNCTION app.works(slug integer)\n RETURNS boolean\n LANGUAGE sql\n STABLE${head}\nAS $function$${body}$function$\n`;
const called = (oid: string, name: string, head = emptyPath): SqlText => ({
  oid,
  name,
  text: `CREATE FUNCTION app.${name}() RETURNS boolean\n LANGUAGE sql\n${head}\nAS ''`,
  bound: false,
  view: false,
});

const member: RoleInfo = {
  name: "member",
  superuser: false,
  bypassRls: false,
  canLogin: false,
  inherits: ["member"],
  mayBecome: [],
};

describe("what an operator makes of a policy", () => {
  const cases: readonly [operator: string, using: string, made: readonly string[]][] = [
    ["using-true", "a = 1", ["true"]],
    ["using-true", "true", []],
    ["using-false", "a = 1", ["false"]],
    ["drop-operand", "a = 1 and b = 2", ["b = 2", "a = 1"]],
    [
      "drop-operand",
      "a = 1 or b = 2 or a is null",
      ["b = 2 OR a IS NULL", "a = 1 OR a IS NULL", "a = 1 OR b = 2"],
    ],
    [
      "drop-operand",
      "a = 1 and (b = 2 or b = 3)",
      ["b = 2 OR b = 3", "a = 1", "a = 1 AND b = 3", "a = 1 AND b = 2"],
    ],
    [
      "drop-operand",
      "exists (select from m where m.x = docs.a and m.y)",
      ["EXISTS (SELECT FROM m WHERE m.y)", "EXISTS (SELECT FROM m WHERE m.x = docs.a)"],
    ],
    ["negate-comparison", "a < 1", ["a >= 1"]],
    ["negate-comparison", "a = any (array[1, 2])", ["a <> ALL (ARRAY[1, 2])"]],
    ["negate-comparison", "b is null", ["b IS NOT NULL"]],
    ["negate-comparison", "a + b", []],
    ["and-or", "a = 1 and b = 2", ["a = 1 OR b = 2"]],
    ["drop-not", "not a = 1", ["a = 1"]],
    ["shift-comparison", "a < 1 and a >= 2", ["a <= 1 AND a >= 2", "a < 1 AND a > 2"]],
    ["null-opens", "b = 1", ["b = 1 OR b IS NULL"]],
    ["null-equals", "b = 1", ["b IS NOT DISTINCT FROM 1"]],
    ["null-equals", "b <> 1", []],
    ["other-claim", "b::text = claims ->> 'sub'", ["b::text = (claims ->> 'session_id')"]],
    ["other-claim", "claims ->> 'email' = 'a'", []],
    ["add-not", "a = 1 and b = 2", ["NOT (a = 1 AND b = 2)"]],
    ["other-column", "a = 1", ["b = 1"]],
    [
      "other-column",
      "exists (select from m where m.a = docs.b)",
      ["EXISTS (SELECT FROM m WHERE m.a = docs.a)"],
    ],
    ["unbind-exists", "exists (select 1 from m where m.x = docs.a)", ["EXISTS (SELECT 1 FROM m)"]],
  ];
  test.each(cases)("%s of %s", (operator, using, made) => {
    const mutants = mutantsOf(relation(policy(using)), [member], "full");
    const found = mutants.filter((one) => one.operator === operator);
    expect(found.map(({ after }) => after.policies[0]?.using?.replaceAll(/\s+/g, " "))).toEqual(made);
  });

  test("two operators that make the same change make it once", () => {
    const made = mutantsOf(relation(policy("a = 1")), [member], "full").map(({ ddl }) => ddl.join(";"));
    expect(new Set(made).size).toBe(made.length);
  });
});

describe("a change is left out only where its parts show that it changes nothing", () => {
  const open = policy("true", { name: "open" });
  const cases: readonly [what: string, before: RelationInfo, after: RelationInfo, equivalent: boolean][] = [
    [
      "a column that holds no NULL is never NULL",
      relation(policy("a = 1")),
      relation(policy("a = 1 or a is null")),
      true,
    ],
    [
      "two NULLs are equal only where both sides may be NULL",
      relation(policy("a = f()")),
      relation(policy("a is not distinct from f()")),
      true,
    ],
    ["and both may be", relation(policy("b = f()")), relation(policy("b is not distinct from f()")), false],
    [
      "under NOT, false and NULL differ",
      relation(policy("not (a = f())")),
      relation(policy("not (a is not distinct from f())")),
      false,
    ],
    [
      "an operator of the database's own may compare NULL",
      { ...relation(policy("a = f()")), columns: [{ ...column("a", true), type: "public.thing" }] },
      {
        ...relation(policy("a is not distinct from f()")),
        columns: [{ ...column("a", true), type: "public.thing" }],
      },
      false,
    ],
    ["another column may be", relation(policy("b = 1")), relation(policy("b = 1 or b is null")), false],
    [
      "what is equal to a constant is not null",
      relation(policy("f() is not null and a = 1")),
      relation(
        policy("f() is not null and a = 1"),
        policy("f() = any (array['x'::text, 'y'::text]) and a = 1"),
      ),
      true,
    ],
    [
      "and what is no constant's may be",
      relation(policy("f() is not null and a = 1")),
      relation(policy("f() is not null and a = 1"), policy("f() <> g() and a = 1")),
      false,
    ],
    [
      "nor need another value be",
      relation(policy("f() is not null and a = 1")),
      relation(policy("f() is not null and a = 1"), policy("g() = 'x'::text and a = 1")),
      false,
    ],
    [
      "a condition that cannot be met",
      relation(policy("a = 1")),
      relation(policy("a = 1"), policy("f() is null and f() = 'x'::text")),
      true,
    ],
    [
      "another policy permits everything",
      relation(policy("a = 1"), open),
      relation(policy("false"), open),
      true,
    ],
    [
      "one that permits everything to others does not",
      relation(policy("a = 1"), { ...open, roles: ["other"] }),
      relation(policy("false"), { ...open, roles: ["other"] }),
      false,
    ],
    [
      "nor one for another command",
      relation(policy("a = 1"), { ...open, command: "select" }),
      relation(policy("false"), { ...open, command: "select" }),
      false,
    ],
    ["order does not matter", relation(policy("a = 1 and b = 2")), relation(policy("b = 2 and a = 1")), true],
    [
      "NULL is not false under NOT",
      relation(policy("not (a = 1)")),
      relation(policy("(a = 1) is not true")),
      false,
    ],
    [
      "TO a role that no persona has",
      relation(policy("a = 1", { roles: ["x"] })),
      relation(policy("true", { roles: ["x"] })),
      true,
    ],
    [
      "TO public",
      relation(policy("a = 1", { roles: ["public"] })),
      relation(policy("true", { roles: ["public"] })),
      false,
    ],
    [
      "a policy without an expression permits nothing",
      relation(policy(null, { command: "select" })),
      relation(policy("false", { command: "select" })),
      true,
    ],
    [
      "restrictive and permissive",
      relation(open, policy("a = 1", { permissive: false })),
      relation(open, policy("a = 1")),
      false,
    ],
    [
      "more parts than are tried",
      relation(policy("b in (1) or b = 2 or b = 3 or b = 4 or b = 5 or b = 6 or b = 7 or b = 8 or b = 9")),
      relation(policy("b in (1) or b = 2 or b = 3 or b = 4 or b = 5 or b = 6 or b = 7 or b = 9 or b = 8")),
      false,
    ],
    [
      "more parts than are tried, and the same words",
      relation(policy("b in (1) or b = 2 or b = 3 or b = 4 or b = 5 or b = 6 or b = 7 or b = 8 or b = 9")),
      relation(policy("b in (1) or b = 2 or b = 3 or b = 4 or b = 5 or b = 6 or b = 7 or b = 8 or b = 9")),
      true,
    ],
    [
      "row level security off",
      relation(policy("a = 1")),
      { ...relation(policy("a = 1")), rls: false },
      false,
    ],
    [
      "off before and after",
      { ...relation(policy("a = 1")), rls: false },
      { ...relation(open), rls: false },
      true,
    ],
  ];
  test.each(cases)("%s", (_what, before, after, equivalent) => {
    expect(equivalence(before, { after }, [member]) !== undefined).toBe(equivalent);
  });

  describe("a function that is an expression", () => {
    const sql = "select app.is_member() and app.sees(slug)";
    const source: FunctionSource = {
      oid: "10",
      schema: "app",
      name: "works",
      arguments: "slug integer",
      signature: "slug integer",
      result: "boolean",
      definition: definitionOf(`\n${emptyPath}`, sql),
      withoutValue: false,
      definer: false,
      owner: "owner",
      pinned: true,
      grantees: ["member"],
      closedTo: [],
      helps: true,
    };
    const texts = [called("10", "works"), called("11", "sees"), called("12", "is_member")];
    const sees = policy("app.sees(a)");
    const works = policy("app.works(a)");
    const twins: readonly [string, FunctionSource, readonly SqlText[], boolean][] = [
      ["is compared as the expression", source, texts, true],
      [
        "by its parameter's number, too",
        { ...source, definition: definitionOf(`\n${emptyPath}`, "select app.is_member() and app.sees($1)") },
        texts,
        true,
      ],
      [
        "but not another expression",
        { ...source, definition: definitionOf(`\n${emptyPath}`, "select app.is_member() or app.sees(slug)") },
        texts,
        false,
      ],
      [
        "not about another value",
        { ...source, definition: definitionOf(`\n${emptyPath}`, "select app.is_member() and app.sees(7)") },
        texts,
        false,
      ],
      ["not with its owner's rights", { ...source, definer: true }, texts, false],
      ["not where the role may not execute it", { ...source, grantees: ["other"] }, texts, false],
      ["not under its caller's search path", { ...source, definition: definitionOf("", sql) }, texts, false],
      [
        "not under a search path of others' making",
        { ...source, definition: definitionOf("\n SET search_path TO 'public'", sql) },
        texts,
        false,
      ],
      [
        "not if NULL makes it NULL",
        { ...source, definition: definitionOf(` STRICT\n${emptyPath}`, sql) },
        texts,
        false,
      ],
      ["not as one of several of its name", source, [...texts, called("13", "works")], false],
      [
        "not if what it calls takes its caller's search path",
        source,
        [called("10", "works"), called("11", "sees", ""), called("12", "is_member")],
        false,
      ],
      [
        "not if it reads rows",
        { ...source, definition: definitionOf(`\n${emptyPath}`, `${sql} from app.members`) },
        texts,
        false,
      ],
      [
        "not if it names what has no schema",
        { ...source, definition: definitionOf(`\n${emptyPath}`, "select is_member() and app.sees(slug)") },
        texts,
        false,
      ],
    ];
    test.each(twins)("%s", (_what, one, known, equivalent) => {
      const after = relation(sees, works);
      const because = equivalence(relation(sees), { after }, [member], false, readBodies([one], known));
      expect(because !== undefined).toBe(equivalent);
    });
  });

  describe("that survived, where an UPDATE leaves what its policies read as it is", () => {
    const updatable = (update: readonly string[], using: string): RelationInfo => ({
      ...relation(policy(using, { command: "update", check: "a = 1" })),
      privileges: { member: { ...privileges, update: [...update] } },
    });
    const trigger: RelationInfo["triggers"][number] = {
      name: "t",
      timing: "before",
      level: "row",
      events: ["update"],
      function: "f",
      enabled: true,
    };
    const hasTrigger = (info: RelationInfo): RelationInfo => ({ ...info, triggers: [trigger] });
    const twins: readonly [
      what: string,
      before: RelationInfo,
      after: RelationInfo,
      survived: boolean,
      equivalent: boolean,
    ][] = [
      ["WITH CHECK refuses the rest", updatable(["b"], "a = 1"), updatable(["b"], "true"), true, true],
      ["the column may be written", updatable(["a"], "a = 1"), updatable(["a"], "true"), true, false],
      [
        "of two columns, the one that may not be written",
        updatable(["b"], "a = 1 and b = 2"),
        updatable(["b"], "b = 2"),
        true,
        true,
      ],
      [
        "of two columns, the one that may be written",
        updatable(["b"], "a = 1 and b = 2"),
        updatable(["b"], "a = 1"),
        true,
        false,
      ],
      ["a cell may notice which refuses", updatable(["b"], "a = 1"), updatable(["b"], "true"), false, false],
      ["WITH CHECK lets in more", updatable(["b"], "a = 1"), updatable(["b"], "false"), true, false],
      [
        "the whole row is read",
        updatable(["b"], "f(docs) and a = 1"),
        updatable(["b"], "a = 1"),
        true,
        false,
      ],
      [
        "a trigger may write it",
        hasTrigger(updatable(["b"], "a = 1")),
        hasTrigger(updatable(["b"], "true")),
        true,
        false,
      ],
    ];
    test.each(twins)("%s", (_what, before, after, survived, equivalent) => {
      expect(equivalence(before, { after }, [member], survived) !== undefined).toBe(equivalent);
    });
  });

  describe("a privilege in a schema that the role cannot name", () => {
    const closed = { ...privileges, schemaUsage: false };
    const own: RelationInfo = { ...relation(policy("a = 1")), privileges: { member: closed } };
    const view = { ...own, oid: "2", schema: "api", name: "seen", kind: "view" as const };
    const mutant = { after: own, alters: "select" as const, roles: ["member"] };
    const itself = { oid: "1", name: "docs", text: "", bound: true, view: false };
    const sql = { oid: "2", name: "seen", text: "select * from public.docs", bound: true, view: false };
    const schemas: readonly [string, RelationInfo[], Parameters<typeof unusable>[2], boolean][] = [
      ["is of no use", [own], [], true],
      [
        "unless a view that it can name reads it",
        [own, { ...view, privileges: { member: privileges } }],
        [sql],
        false,
      ],
      [
        "and not where the view is closed as well",
        [own, { ...view, privileges: { member: closed } }],
        [sql],
        true,
      ],
      ["and a view that is not known may be open", [own], [sql], false],
      ["a function looks names up when it runs", [own], [{ ...sql, bound: false }], true],
    ];
    test.each(schemas)("%s", (_what, relations, texts, equivalent) => {
      const because = unusable(mutant, { relations, roles: [member] }, [itself, ...texts]);
      expect(because !== undefined).toBe(equivalent);
    });
    test("nor one that is open", () => {
      const reachable = { ...mutant, after: relation(policy("a = 1")) };
      expect(unusable(reachable, { relations: [reachable.after], roles: [member] }, [])).toBeUndefined();
    });
  });

  test("a role that policies do not apply to, and its twin", () => {
    const [before, after] = [relation(policy("a = 1")), relation(policy("true"))];
    expect(equivalence(before, { after }, [{ ...member, bypassRls: true }])).toBeDefined();
    expect(equivalence(before, { after }, [{ ...member, bypassRls: true }, member])).toBeUndefined();
  });
});

const text = (oid: string, sql: string, view = false): SqlText => ({
  oid,
  name: oid,
  text: sql,
  bound: true,
  view,
});

describe("what to add to the matrix where nothing noticed", () => {
  const before = relation(policy("true", { check: "a = 1 and exists (select from m where m.a = docs.b)" }));
  const persona = { name: "ana", role: "member" };
  const plan = {
    matrix: { schema: "public", personas: [persona] },
    catalog: { relations: [before], roles: [member] },
    work: [{ relation: { info: before } }],
  } as unknown as Plan;
  const cell = (operation: Cell["operation"]): Cell =>
    ({
      operation,
      persona,
      role: member,
      column: undefined,
      candidates: [{ name: "mine", origin: "declared", values: {} }],
      expectation: { kind: "allow" },
    }) as unknown as Cell;
  const suggested = (operator: string, operations: readonly Cell["operation"][]): unknown => {
    const mutant = mutantsOf(before, [member], "full").find((one) => one.operator === operator);
    const yaml = mutant && suggestionFor(mutant, operations.map(cell), plan);
    return yaml === undefined ? undefined : (parse(yaml) as unknown);
  };
  const values = { a: "<a value that WITH CHECK refuses>", b: "<a value that WITH CHECK refuses>" };
  const cases: readonly [string, string, readonly Cell["operation"][], unknown][] = [
    [
      "a weaker WITH CHECK: a row to refuse",
      "check-true",
      ["select", "insert", "update", "delete"],
      {
        insert: { refused: values },
        expect: {
          ana: {
            insert: { accept: ["mine"], reject: ["refused"] },
            update: { allow: true, never: { refused: values } },
          },
        },
      },
    ],
    [
      "no cell asks about a command",
      "using-false",
      ["select", "update"],
      { expect: { ana: { delete: "<deny, allow, or a row set>" } } },
    ],
  ];
  test.each(cases)("%s", (_what, operator, operations, entry) => {
    expect(suggested(operator, operations)).toEqual({ relations: { docs: entry } });
  });
  test("a persona that may have all rows: those that USING means", () => {
    expect(suggested("using-false", ["select", "update", "delete", "insert"])).toMatchObject({
      relations: {
        docs: {
          rows: { meant: expect.stringMatching(/^<the rows for which \(.+\)>$/) as string },
          expect: { ana: { select: "meant", update: "meant", delete: "meant" } },
        },
      },
    });
  });
});

describe("what to add where a function or a membership changed", () => {
  const persona = { name: "ana", role: "member" };
  const other = { ...privileges, schemaUsage: true };
  const less = { ...other, select: [], delete: false };
  const info = { ...relation(policy("a = 1")), privileges: { member: less, staff: other } };
  const plan = {
    matrix: { schema: "public", personas: [persona], exposes: ["public"] },
    catalog: { relations: [info], roles: [member] },
    work: [],
  } as unknown as Plan;
  const suggested = (mutant: Partial<Mutant>): unknown => {
    const yaml = suggestionFor({ roles: ["member"], ...mutant } as Mutant, [], plan);
    return yaml === undefined ? undefined : (parse(yaml) as unknown);
  };
  const after = { schema: "public", name: "helps", kind: "function" } as RelationInfo;
  test("EXECUTE for one more role: that it has none", () => {
    expect(suggested({ operator: "grant", relation: "public.helps()", after })).toEqual({
      functions: { helps: { expect: { ana: { deny: "execute" } } } },
    });
  });
  test("another body: calls, and what they answer", () => {
    expect(suggested({ operator: "helper-true", relation: "public.helps(integer)", after })).toEqual({
      functions: {
        helps: {
          calls: { one: "<argument: value, …>" },
          expect: { ana: "<deny, allow, or the rows that it returns>" },
        },
      },
    });
  });
  test("a member of a role that may do more: what its own role holds no privilege for", () => {
    const role = { ...after, name: "member" };
    expect(suggested({ operator: "member", to: "member of staff", after: role })).toEqual({
      relations: { docs: { expect: { ana: { select: { deny: "grant" }, delete: { deny: "grant" } } } } },
    });
  });
});

describe("which cells a change can answer otherwise", () => {
  const shown = policy("a = 1 or b = 3", { command: "select" });
  const written = policy("a = 1", { command: "update", check: "b = 1" });
  const deleted = policy("true", { command: "delete" });
  const before = relation(shown, written, deleted);
  const cell = (operation: Cell["operation"], error?: string, never = 0): Cell =>
    ({
      id: `${operation}${error ?? ""}`,
      operation,
      persona: { name: "ana" },
      role: member,
      update: { never: Array.from({ length: never }) },
      relation: { info: before },
    }) as unknown as Cell;
  const coverage = (texts: readonly SqlText[]) => {
    const transcripts = new Transcripts();
    const request = { kind: "read", statements: ["select"] } as const;
    const parts = [{ code: "42501", message: "permission denied" }];
    transcripts.add(cell("select", "refused"), [request], [{ kind: "parts", parts } as unknown as Reply]);
    transcripts.add(cell("update", "refused"), [request], [{ kind: "parts", parts } as unknown as Reply]);
    transcripts.add(cell("select"), [request], [{ kind: "parts", parts: [{ rows: 1 }] } as unknown as Reply]);
    const plan = { catalog: { relations: [before], roles: [member] } };
    return { plan, texts, lent: [], bodies: noBodies, transcripts } as unknown as Parameters<
      typeof mayDiffer
    >[1];
  };
  const granted = { operator: "grant", alters: "select", after: before } as unknown as Mutant;
  const noticing = (
    cells: readonly Cell[],
    mutant: Mutant,
    texts: readonly SqlText[] = [],
    unmoved: readonly string[] = [],
  ): readonly string[] => {
    const differs = mayDiffer(mutant, coverage(texts), new Set(unmoved));
    return cells.filter((one) => differs(one)).map(({ id }) => id);
  };
  const changed = (...policies: readonly PolicyInfo[]): Mutant => {
    const after = relation(...policies, deleted);
    return { operator: "x", alters: ["update"], roles: ["member"], after } as unknown as Mutant;
  };
  const all = (["select", "update", "blind_update", "delete", "upsert"] as const).map((one) => cell(one));
  test("a privilege more: those that met an error; all where SQL asks who has it", () => {
    const cells = [cell("select", "refused"), cell("select")];
    expect(noticing(cells, granted)).toEqual(["selectrefused"]);
    const asks = [text("f", "has_table_privilege('docs', 'select')")];
    expect(noticing(cells, granted, asks)).toEqual(["selectrefused", "select"]);
  });
  test("a policy: those of commands for which it says something else", () => {
    const mutant = changed(shown, policy("a = 1", { command: "update", check: "b = 2" }));
    expect(noticing(all, mutant)).toEqual(["update", "blind_update", "upsert"]);
    expect(noticing(all, { ...mutant, after: before })).toEqual([]);
  });
  test("a write that reads: not where SELECT leaves out the rows that UPDATE would let in; its blind requests may", () => {
    const mutant = changed(
      shown,
      policy("a = 1 or a = 1 and b = 2 or b is null and not (a = 1 or b = 3)", {
        command: "update",
        check: "b = 1",
      }),
    );
    expect(noticing(all, mutant)).toEqual(["blind_update"]);
    const moving = cell("update", undefined, 1);
    const differs = mayDiffer(mutant, coverage([]));
    const write = { kind: "write", statements: ["update"] } as const;
    expect([differs(moving), differs(moving, write), differs(moving, { ...write, blind: true })]).toEqual([
      true,
      false,
      true,
    ]);
    const blind = cell("blind_update");
    const rows = { ...write, kind: "rows" } as const;
    expect([differs(blind), differs(blind, write), differs(blind, rows)]).toEqual([true, true, false]);
    const more = mayDiffer(changed(shown, policy("a = 1 or b = 3", { command: "update" })), coverage([]));
    expect(more(blind, rows)).toBe(true);
  });
  test("a write of which the role lacks the privilege: whatever the policies say", () => {
    const lacking = { ...before, privileges: { member: { ...privileges, update: [] } } };
    const { plan } = coverage([]);
    const under = { ...coverage([]), plan: { ...plan, catalog: { ...plan.catalog, relations: [lacking] } } };
    const differs = mayDiffer(changed(policy("a = 1")), under);
    expect(all.filter((one) => differs(one)).map(({ id }) => id)).toEqual(["select", "delete"]);
  });
  test("where SELECT shows the same rows and says more: what was refused, since a new row may pass", () => {
    const mutant = changed(policy("a = 1 or b = 3 or b = 4", { command: "select" }), written);
    const cells = [...all, cell("update", "refused")];
    expect(noticing(cells, mutant)).toEqual(["select", "update", "delete", "upsert", "updaterefused"]);
    expect(noticing(cells, mutant, [], ["ana"])).toEqual(["select", "updaterefused"]);
    const less = changed(policy("a = 1", { command: "select" }), written);
    expect(noticing(cells, less, [], ["ana"])).toEqual(["select", "update", "upsert", "updaterefused"]);
  });
});

describe("what may notice a change of a relation", () => {
  const texts = [
    text("docs", "owner = auth.uid()"),
    text("reading", "select * from docs"),
    text("writing", "insert into docs values (1)"),
    text("locking", "select * from docs for share"),
    text("seen", "select * from docs", true),
    text("caller", "select writing()"),
    text("policy", "exists (select from reading())"),
    text("dynamic", "execute 'delete from ' || name"),
    text("over", "select * from seen"),
    text("through", "update seen set owner = null"),
    text("other", "select 1"),
  ];
  test.each([
    [
      "its reading: all that lead to it",
      false,
      ["reading", "writing", "locking", "seen", "caller", "policy", "dynamic", "over", "through"],
    ],
    [
      "its writing: views, what writes or locks, also through these, and what leads to that; not who reads a view",
      true,
      ["writing", "locking", "seen", "caller", "dynamic", "through"],
    ],
  ])("%s", (_what, writing, found) => {
    expect([...readersOf("docs", texts, writing)].toSorted()).toEqual(found.toSorted());
  });
});

describe("where policies may be changed", () => {
  const cases: readonly [
    target: Parameters<typeof mayChange>[0],
    asked: boolean,
    refusal: string | undefined,
  ][] = [
    [{ name: "own", posture: "embedded" }, false, undefined],
    [{ name: "images", posture: "container" }, false, undefined],
    [{ name: "shared", posture: "staging" }, false, "mutate/shared-target"],
    [{ name: "shared", posture: "staging" }, true, undefined],
    [{ name: "shared", posture: "staging", writes: "none" }, true, "mutate/reads-only"],
    [{ name: "live", posture: "production" }, false, "mutate/reads-only"],
    [{ name: "live", posture: "production" }, true, "mutate/reads-only"],
  ];
  test.each(cases)("%o, asked for: %s", (target, asked, refusal) => {
    let code: unknown;
    try {
      mayChange(target, asked);
    } catch (error) {
      code = (error as { code?: unknown }).code;
    }
    expect(code).toBe(refusal);
  });
});
