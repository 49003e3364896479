import { beforeAll, expect, it } from "vitest";
import { loadParser } from "../../../src/lib/sql-tree.ts";
import type { ColumnInfo, RelationInfo } from "../../../src/model/catalog.ts";
import type { Persona } from "../../../src/model/matrix.ts";
import { policyRows } from "../../../src/plan/policy-values.ts";

beforeAll(loadParser);

const column = (name: string, type: string): ColumnInfo => ({
  name,
  type,
  notNull: false,
  hasDefault: false,
  identity: null,
  generated: false,
  domain: false,
});

const columns = [
  column("status", "text"),
  column("school", "integer"),
  column("owner", "uuid"),
  column("open", "boolean"),
  column("tags", "text[]"),
  column("meta", "jsonb"),
];

const sub = "00000000-0000-4000-8000-000000000001";
const ana = {
  name: "ana",
  role: "authenticated",
  claims: { sub, app_metadata: { school: 7 } },
  settings: { "app.school": "9" },
} as unknown as Persona;

/** Expressions as Postgres prints them. */
it.each<[what: string, check: string, rows: readonly object[]]>([
  ["a text", "(status = 'draft'::text)", [{ status: "draft" }]],
  ["a quote in a text", "(status = 'it''s'::text)", [{ status: "it's" }]],
  ["a number", "(school = 3)", [{ school: "3" }]],
  ["zero", "(school = 0)", [{ school: "0" }]],
  [
    "a type's length is no value",
    "((status)::character varying(5) = ('a'::character varying)::text)",
    [{ status: "a" }],
  ],
  ["the value first", "('draft'::text = status)", [{ status: "draft" }]],
  ["one of an array", "(status = ANY (ARRAY['a'::text, 'b'::text]))", [{ status: "a" }, { status: "b" }]],
  [
    "one of a literal array",
    "(status = ANY ('{a,b}'::text[]))",
    [{ status: "a" }, { status: "b" }, { status: "{a,b}" }],
  ],
  ["among an array's elements", "('a'::text = ANY (tags))", [{ tags: '{"a"}' }]],
  ["within a function", "(lower(status) = 'draft'::text)", [{ status: "draft" }]],
  ["what a function gives is not known", "(status = lower('X'::text))", []],
  ["another operator", "(status <> 'draft'::text)", []],
  ["NULL", "(owner IS NULL)", [{ owner: null }]],
  ["not NULL", "(owner IS NOT NULL)", []],
  ["a boolean", "open", [{ open: "true" }]],
  ["a boolean under NOT", "(NOT open)", [{ open: "false" }]],
  ["a boolean compared", "(open = false)", [{ open: "false" }]],
  ["a boolean compared under NOT", "(NOT (open = false))", [{ open: "true" }]],
  ["a boolean IS NOT TRUE", "(open IS NOT TRUE)", [{ open: "false" }]],
  ["a boolean's default", "COALESCE(open, false)", [{ open: "true" }]],
  ["who asks", "(owner = auth.uid())", [{ owner: sub }]],
  ["who asks, asked once", "(owner = ( SELECT auth.uid() AS uid))", [{ owner: sub }]],
  [
    "a claim",
    "(school = (((auth.jwt() -> 'app_metadata'::text) ->> 'school'::text))::integer)",
    [{ school: "7" }],
  ],
  ["a setting", "(school = (current_setting('app.school'::text, true))::integer)", [{ school: "9" }]],
  ["within a document", "((meta ->> 'kind'::text) = 'x'::text)", []],
  [
    "several columns",
    "((owner = auth.uid()) AND (status = 'draft'::text) AND open)",
    [{ owner: sub, status: "draft", open: "true" }],
  ],
  ["OR", "((status = 'a'::text) OR (status = 'b'::text))", [{ status: "a" }, { status: "b" }]],
  [
    "a subquery's own columns are none of the row's",
    "(EXISTS ( SELECT 1 FROM members m WHERE ((m.school = docs.school) AND (m.status = 'active'::text) AND (docs.status = 'draft'::text))))",
    [{ status: "draft" }],
  ],
  [
    "a word in a text is no column",
    "(school = 3) AND ('status = open'::text = 'x'::text)",
    [{ school: "3" }],
  ],
])("a policy asks for %s", (_, check, rows) => {
  const info = {
    name: "docs",
    columns,
    policies: [{ name: "p", command: "insert", permissive: true, roles: ["public"], using: null, check }],
  } as unknown as RelationInfo;
  expect(policyRows(info, ana, "insert", columns)).toEqual(rows);
});
