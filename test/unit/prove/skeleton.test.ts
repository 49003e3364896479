import { beforeAll, expect, test } from "vitest";
import { loadParser } from "../../../src/lib/sql-tree.ts";
import { BoundValues } from "../../../src/prove/analyse/question.ts";
import { Reaches } from "../../../src/prove/analyse/reach.ts";
import { type ProofRelation, Schema } from "../../../src/prove/analyse/schema.ts";
import {
  leavesOf,
  type Skeleton,
  skeletonOf,
  type Truth,
  truthOf,
} from "../../../src/prove/analyse/skeleton.ts";
import { columnOf, relationOf } from "../../support/proof-relation.ts";

beforeAll(loadParser);

const docs = relationOf(
  "docs",
  ["id", "a", "b", "c"].map((name) => columnOf(name)),
);
const members = relationOf(
  "members",
  ["id", "doc", "b"].map((name) => columnOf(name)),
);
const worded = relationOf("worded", [columnOf("id"), columnOf("small", true)]);
const schema = new Schema([docs, members, worded], [], ["public"], {
  volatile: ["random"],
  aggregates: ["max"],
  ownAggregates: [],
  sets: [],
  others: [],
});
const reading = { schema, reaches: new Reaches(schema), bounds: new BoundValues() };

const read = (text: string, relation = docs, alias = relation.name): Skeleton | undefined =>
  skeletonOf(text, alias, relation, reading);

/** `text | columns` of each leaf; `undefined`: the text is asked as a whole. */
function leaves(text: string, relation?: ProofRelation, alias?: string): readonly string[] | undefined {
  const tree = read(text, relation, alias);
  return (
    tree &&
    leavesOf(tree).map((one) => `${one.text} | ${one.columns.join(" ")}`.replaceAll('"rowgate:row"', "R"))
  );
}

const parts: readonly (readonly [text: string, leaves: readonly string[]])[] = [
  ["a = 1 and docs.b > 2", ["R.a = 1 | a", "R.b > 2 | b"]],
  // A CASE, COALESCE or IS is one part: what is within it may not be asked for.
  [
    "case when a = 1 then b = 2 end or (a = 1) is true",
    ["CASE WHEN R.a = 1 THEN R.b = 2 END | a b", "COALESCE(R.a = 1) IS TRUE | a"],
  ],
  ["not (f(a) and not b)", ["f(R.a) | a", "R.b | b"]],
  ["true or null or f()", ["f() | "]],
  ["(a, b) = (1, 2)", ["R.a = 1 | a", "R.b = 2 | b"]],
  // The columns of an inner table are not the row's, and those that it lacks are.
  [
    "exists (select from members where b = id)",
    ["EXISTS (SELECT FROM members WHERE members.b = members.id) | "],
  ],
  [
    "exists (select from members m where m.doc = docs.id and a = 1)",
    ["EXISTS (SELECT FROM members AS m WHERE m.doc = R.id AND R.a = 1) | id a"],
  ],
  [
    "exists (select from docs other where other.a = docs.b)",
    ["EXISTS (SELECT FROM docs AS other WHERE other.a = R.b) | b"],
  ],
  ["exists (select from docs where docs.a = 1)", ["EXISTS (SELECT FROM docs WHERE docs.a = 1) | "]],
  // The row as a whole, and columns of the system.
  ["f(docs)", ["f(R) | id a b c"]],
  ["f(docs.*)", ["f(R) | id a b c"]],
  ["(docs).c = 1", ["R.c = 1 | c"]],
  ["docs.ctid is null", ["R.ctid IS NULL | id a b c"]],
  [
    "exists (select from members m join members n using (doc) where m.b = a)",
    ["EXISTS (SELECT FROM members AS m JOIN members AS n USING (doc) WHERE m.b = R.a) | a"],
  ],
];

test.each(parts)("parts of %s", (text, expected) => {
  expect(leaves(text)).toEqual(expected);
});

test("the same part is written alike whatever the row is called", () => {
  expect(leaves('"rowgate:row".a = 1 or "rowgate:free".x', docs, "rowgate:row")).toEqual(
    leaves("docs.a = 1"),
  );
});

test("a domain's column may refuse any row", () => {
  expect(leaves("id = 1 and f()", worded)).toEqual(["R.id = 1 | id small", "f() | small"]);
});

const wholes: readonly string[] = [
  "a = 1 and random() < 0.5",
  "a = 1 and",
  "a = 1 and exists (select from unknown_table where b = 1)",
  // Of both sides, of one of them, or of the output: not of the row, and of no one table.
  "a = (select b from members natural full join docs)",
  "a = (select doc from members m full join members n using (doc))",
  "a = (select m.doc as c from members m order by c limit 1)",
  "row(docs.*) = row(1, 2, 3, 4)",
  "exists (select docs.* except select 1, 2, 3, 4)",
  '("rowgate:free".x is true) or a = 1',
];

test.each(wholes)("as a whole: %s", (text) => {
  expect(leaves(text)).toBeUndefined();
});

test("what the row is called must be known", () => {
  expect(leaves("a = 1", docs, "d")).toBeUndefined();
});

/** Of the letters of a, b and c in a row, what Postgres says. */
const truths: readonly (readonly [text: string, table: Readonly<Record<string, Truth>>])[] = [
  ["a and b", { TT: "T", TF: "F", TN: "N", FF: "F", FN: "F", NF: "F", NN: "N" }],
  ["a or b", { TT: "T", TF: "T", TN: "T", FF: "F", FN: "N", NF: "N", NN: "N" }],
  ["not a", { T: "F", F: "T", N: "N" }],
  ["not (a and b) or c", { TTF: "F", TNF: "N", TNT: "T", FNN: "T", TTN: "N" }],
  ["a and null", { T: "N", F: "F", N: "N" }],
  ["a or true", { F: "T", N: "T" }],
  ["a and false or b", { TT: "T", NN: "N", NF: "F" }],
  ['a and not "rowgate:free".b', { TT: "F", TF: "T", TN: "N", FN: "F" }],
];

function tableOf(tree: Skeleton, rows: readonly string[]): Readonly<Record<string, Truth>> {
  const found = rows.map((letters) => {
    const of = (name: string): Truth => letters.charAt("abc".indexOf(name)) as Truth;
    return [letters, truthOf(tree, ({ columns: [name = ""] }) => of(name), of)] as const;
  });
  return Object.fromEntries(found);
}

test.each(truths)("truth of %s", (text, table) => {
  const tree = read(text);
  expect(tree && tableOf(tree, Object.keys(table))).toEqual(table);
});
