import { describe, expect, test } from "vitest";
import { type EntryText, shortened } from "../../../src/init/alike.ts";
import { parseMatrix } from "../../../src/matrix/parse.ts";
import type { Matrix } from "../../../src/model/matrix.ts";

/** What `rowgate init` says of a table of 30 columns with 8 policies: readers of three kinds, writers and their checks. */
function large(table: string, owner = "owner", state = `${table}_state`): EntryText {
  const member = `EXISTS (SELECT 1 FROM members AS m WHERE (m.team_id = ${table}.team_id AND m.user_id = :sub))`;
  const admin = `EXISTS (SELECT 1 FROM members AS m WHERE (m.team_id = ${table}.team_id AND m.user_id = :sub AND m.role = 'admin'))`;
  return {
    name: table,
    comment: " # 5 rows",
    body: [
      `    rows: { public_read: "state = CAST('public' AS public.${state})",`,
      `            own_or_member: "${table}.assignee = :sub OR ${member} OR ${table}.state = CAST('public' AS public.${state})",`,
      `            member_and_own: "${member} AND ${table}.${owner} = :sub",`,
      `            admin_or_own: "${admin} OR ${table}.${owner} = :sub",`,
      `            admin_or_draft: "${admin} OR (${table}.${owner} = :sub AND ${table}.state = CAST('draft' AS public.${state}))" }`,
      `    expect: { '*': { observed: true, truncate: allow }, anon: { observed: true, select: public_read },`,
      `              users: { observed: true, select: own_or_member, insert: { check: member_and_own }, update: { rows: admin_or_own, check: member_and_own } },`,
      `              admin: { observed: true, select: own_or_member, delete: admin_or_draft },`,
      `              service: { observed: true, allow: true } }`,
    ],
  };
}

function short(table: string): EntryText {
  return {
    name: table,
    comment: "",
    body: ["    rows: { own: owner = :sub }", "    expect: { users: { observed: true, select: own } }"],
  };
}

function matrixOf({ templates, relations }: ReturnType<typeof shortened>): Matrix {
  const sub = "10000000-0000-4000-8000-00000000000";
  return parseMatrix(
    [
      "matrix: large",
      "personas:",
      "  anon: { role: anon }",
      `  owner: { role: authenticated, claims: { sub: ${sub}1 } }`,
      `  admin: { role: authenticated, claims: { sub: ${sub}2 } }`,
      "  service: { role: service_role }",
      "groups: { users: [owner, admin] }",
      ...(templates.length > 0 ? ["templates:", ...templates] : []),
      "relations:",
      ...relations,
      "",
    ].join("\n"),
    "large.yaml",
    "2026-01-01",
  );
}

/** Without the places where it is written, which are those of the template. */
function meaning(matrix: Matrix): unknown {
  return JSON.parse(
    JSON.stringify(matrix.relations, (key, value: unknown) => (key === "at" ? undefined : value)),
  );
}

function plain(entries: readonly EntryText[]): ReturnType<typeof shortened> {
  return {
    templates: [],
    relations: entries.flatMap(({ name, comment, body }) => [`  ${name}:${comment}`, ...body]),
  };
}

describe("what rowgate init writes of large tables", () => {
  const cases: readonly {
    readonly of: string;
    readonly entries: readonly EntryText[];
    readonly lines: number;
    readonly templates: number;
  }[] = [
    {
      of: "three that differ in their names",
      entries: [large("orders"), large("invoices"), large("tickets")],
      lines: 13,
      templates: 1,
    },
    {
      of: "three that differ in a column as well",
      entries: [large("orders"), large("invoices", "author"), large("tickets", "created_by")],
      lines: 13,
      templates: 1,
    },
    {
      of: "two alike, a short one between them, and one by itself",
      entries: [
        large("orders"),
        short("notes"),
        large("invoices"),
        {
          ...large("tickets"),
          body: large("tickets")
            .body.slice(0, -1)
            .concat("              service: { observed: true, select: allow } }"),
        },
      ],
      lines: 10 + 3 + 10 + 2,
      templates: 1,
    },
    { of: "short ones", entries: [short("notes"), short("drafts")], lines: 6, templates: 0 },
    {
      of: "two whose names would be quoted",
      entries: [large("orders", "owner", '"Orders"'), large("invoices", "owner", '"Invoices"')],
      lines: 20,
      templates: 0,
    },
    {
      of: "two with what looks like a parameter",
      entries: ["orders", "invoices"].map((name) => {
        const { body, ...one } = large(name);
        return {
          ...one,
          body: body.map((line) => line.replace(" = :sub AND m.role", " <owner> :sub AND m.role")),
        };
      }),
      lines: 20,
      templates: 0,
    },
  ];

  test.each(cases)("$of: $lines lines", ({ entries, lines, templates }) => {
    const written = shortened(entries);
    expect([...written.templates, ...written.relations]).toHaveLength(lines);
    expect(written.templates.filter((line) => /^ {2}\S/.test(line))).toHaveLength(templates);
  });

  test.each(cases.filter(({ of }) => !/quoted|parameter/.test(of)))(
    "$of: the same is declared",
    ({ entries }) => {
      expect(meaning(matrixOf(shortened(entries)))).toEqual(meaning(matrixOf(plain(entries))));
    },
  );
});
