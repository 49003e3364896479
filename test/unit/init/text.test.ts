import { describe, expect, test } from "vitest";
import type { InitPersona } from "../../../src/init/personas.ts";
import type { Proposal } from "../../../src/init/proposal.ts";
import { matrixJson, type MatrixParts, matrixText } from "../../../src/init/text.ts";
import { parseMatrix } from "../../../src/matrix/parse.ts";
import type { RelationInfo } from "../../../src/model/catalog.ts";
import type { RelationOperation } from "../../../src/model/matrix.ts";

const standings: Readonly<Record<string, InitPersona["standing"]>> = {
  anon: "no-token",
  owner: "user",
  colleague: "user",
  stranger: "user",
  admin: "user",
  newcomer: "unknown-user",
  service: "above",
};
const personas = Object.entries(standings).map(
  ([name, standing], index): InitPersona => ({
    name,
    standing,
    is: name,
    declaration: {
      role: standing === "no-token" ? "anon" : standing === "above" ? "service_role" : "authenticated",
      ...(/user/.test(standing) && { claims: { sub: `10000000-0000-4000-8000-00000000000${index}` } }),
    },
    values: new Map(),
  }),
);

type Says = Readonly<Record<string, Readonly<Partial<Record<RelationOperation, Proposal>>>>>;

const all: Proposal = { rows: "all", check: "all" };
const everything = { select: all, insert: all, update: all, delete: all };

/** Of 30 columns and 8 policies: who reads, writes and deletes differs, and each asks for another table. */
function large(table: string): Says {
  const member = `EXISTS (SELECT 1 FROM members AS m WHERE (m.team_id = ${table}.team_id AND m.user_id = :sub))`;
  const sets = {
    public_read: "state = 'public'",
    member_or_public: `${member} OR state = 'public'`,
    member_and_own: `${member} AND ${table}.owner = :sub`,
    own: "owner = :sub",
    own_draft: "owner = :sub AND state = 'draft'",
  };
  const of = (name: keyof typeof sets): { name: string; text: string } => ({ name, text: sets[name] });
  const truncate = all;
  const reads = { select: { rows: of("member_or_public") }, truncate };
  const writes = { ...reads, insert: { check: of("member_and_own") } };
  const changes = { ...writes, update: { rows: of("own"), check: of("member_and_own") } };
  return {
    anon: { select: { rows: of("public_read") }, truncate },
    owner: { ...changes, delete: { rows: of("own_draft") } },
    colleague: { ...changes, delete: { rows: of("own_draft") } },
    stranger: writes,
    admin: {
      ...changes,
      update: { ...changes.update, names: ["owner"] },
      delete: { rows: of("member_or_public") },
    },
    newcomer: reads,
    service: { ...everything, truncate },
  };
}

function alike(says: Says[string]): Says {
  return Object.fromEntries(personas.map(({ name }) => [name, says]));
}

function partsOf(tables: Readonly<Record<string, Says>>): MatrixParts {
  return {
    relations: Object.keys(tables).map((name) => ({ schema: "public", name }) as RelationInfo),
    personas,
    declared: new Map(
      Object.entries(tables).map(([name, says]) => [
        `public.${name}`,
        new Map(
          Object.entries(says).map(([persona, of]) => [
            persona,
            new Map(Object.entries(of) as [RelationOperation, Proposal][]),
          ]),
        ),
      ]),
    ),
    rows: new Map(),
    keys: new Map(),
    raises: new Map(),
    calls: [],
    functions: [],
    expires: "2099-01-01",
  };
}

const head = {
  name: "large",
  exposes: ["public"],
  tokens: true,
  policies: undefined,
  seed: undefined,
  schemaFile: undefined,
  questions: [],
};

/** Who may do what, wherever it is written; who is not named may nothing. */
function meaning(text: string): unknown {
  return parseMatrix(text, "large.yaml", "2026-01-01").relations.map(({ name, declarations }) => [
    name,
    declarations
      .map((one) =>
        JSON.stringify(one, (key, value: unknown) =>
          key === "at" || key === "observed" ? undefined : value,
        ),
      )
      .filter((one) => !one.includes('"expectation":{"kind":"deny"}') || one.includes("waive"))
      .toSorted(),
  ]);
}

const waive = { waived: "inconclusive at rowgate init" };
const cases: readonly {
  readonly of: string;
  readonly tables: Readonly<Record<string, Says>>;
  /** Lines at the most, of templates and relations. */
  readonly lines: number;
}[] = [
  { of: "one large table", tables: { orders: large("orders") }, lines: 6 },
  {
    of: "eight large tables that are alike",
    tables: Object.fromEntries([..."abcdefgh"].map((one) => [`t_${one}`, large(`t_${one}`)])),
    lines: 6 + 8,
  },
  {
    of: "three small tables that are the same",
    tables: Object.fromEntries(
      ["a", "b", "c"].map((name) => [
        name,
        {
          ...alike({ truncate: all }),
          owner: { select: { rows: { name: "own", text: "owner = :sub" } }, truncate: all },
        },
      ]),
    ),
    lines: 9,
  },
  {
    of: "a table that is open to everyone",
    tables: { a: alike({ ...everything, truncate: all }) },
    lines: 2,
  },
  {
    of: "one that differs by a single operation",
    tables: { a: { ...alike(everything), anon: { select: all, truncate: all } } },
    lines: 4,
  },
  {
    of: "one whose cells are waived",
    tables: {
      a: {
        ...alike({ truncate: all, select: { rows: "all", ...waive }, delete: { ...waive } }),
        service: { ...everything, truncate: all },
      },
    },
    lines: 4,
  },
];

describe("what rowgate init writes of", () => {
  test.each(cases)("$of: at most $lines lines", ({ tables, lines }) => {
    const text = matrixText(head, partsOf(tables));
    const written = text
      .split("\n")
      .filter((line) => /^ {2}/.test(line) && !/^ {2}\w+: (?:\{ role:|\[)/.test(line));
    expect(written.length, text).toBeLessThanOrEqual(lines);
    const long = written.filter((line) => line.length > 200 && line.split("observed").length > 2);
    expect(long, text).toEqual([]);
  });

  test.each(cases)("$of: what was observed", ({ tables }) => {
    const parts = partsOf(tables);
    expect(meaning(matrixText(head, parts))).toEqual(meaning(matrixJson(head, parts)));
  });
});
