import { expect, test } from "vitest";
import { parseMatrix } from "../../../src/matrix/parse.ts";
import { changesServer } from "../../../src/watch/databases.ts";
import type { Fingerprint } from "../../../src/model/fingerprint.ts";
import { touchedBy } from "../../../src/watch/fingerprint.ts";
import { changedCells } from "../../../src/watch/matrix-changes.ts";

const before = `matrix: m
personas: { ana: { role: authenticated, claims: { sub: u1 } }, luis: { role: authenticated, claims: { sub: u2 } } }
relations:
  notes:
    rows: { mine: owner = :sub }
    insert: { own: { owner: ':sub' } }
    expect: { ana: { select: mine, update: mine }, luis: deny }
  tags: { rows: { few: "id in (select tag from uses)" }, expect: { ana: { select: few } } }
functions:
  f: { expect: { ana: allow } }
`;
const read = (text: string) => parseMatrix(text, "m.yaml", "2026-11-29");

test.each([
  ["a line that moved", before.replace("relations:", "\n\nrelations:"), []],
  [
    "one operation",
    before.replace("update: mine", "update: deny"),
    ["update", "blind_update", "upsert"].flatMap((one) => [
      `ana/public.notes/${one}*`,
      `ana/public.notes/${one}*/*`,
    ]),
  ],
  ["a candidate", before.replace("':sub' }", "':sub', id: 1 }"), ["*/public.notes/*", "*/public.notes/*/*"]],
  [
    "a function",
    before.replace("ana: allow", "ana: deny"),
    ["ana/public.f/execute*", "ana/public.f/execute*/*"],
  ],
  ["a persona", before.replace("sub: u2", "sub: u3"), undefined],
])("%s of the matrix changed", (_, after, want) => {
  expect(changedCells(read(before), read(after))).toEqual(want);
});

const one = (relation: string, mark: string, needs: readonly string[] = [], opaque = false): Fingerprint => ({
  oid: relation,
  relation,
  name: /\.(\w+)/.exec(relation)?.[1] ?? "",
  mark,
  needs,
  parents: relation === "public.tags" ? ["public.others"] : [],
  opaque,
});
const catalog = (marks: Readonly<Record<string, string>>, opaque = false): readonly Fingerprint[] => [
  one("", marks["global"] ?? "0"),
  one("public.notes", marks["notes"] ?? "0", ["public.members", "public.helps(integer)"]),
  one("public.helps(integer)", marks["helps"] ?? "0", ["public.rates"], opaque),
  one("public.f()", "0", ["public.uses"]),
  one("public.rates", marks["rates"] ?? "0"),
  one("public.tags", "0"),
  one("public.members", marks["members"] ?? "0"),
  one("public.uses", marks["uses"] ?? "0"),
  one("public.others", marks["others"] ?? "0"),
];

test.each([
  ["nothing", {}, false, []],
  ["the relation itself", { notes: "1" }, false, ["public.notes"]],
  ["a relation that its policy reads", { members: "1" }, false, ["public.notes"]],
  ["a helper of its policy", { helps: "1" }, false, ["public.notes"]],
  ["a relation that the helper reads", { rates: "1" }, false, ["public.notes"]],
  ["a relation that a row set and a function read", { uses: "1" }, false, ["public.tags", "public.f"]],
  ["a relation that its foreign key refers to", { others: "1" }, false, ["public.tags"]],
  [
    "another relation, and what the helper reads is not known",
    { others: "1" },
    true,
    ["public.notes", "public.tags"],
  ],
  ["a role", { global: "1" }, false, undefined],
])("%s of the database changed", (_, marks, opaque, want) => {
  const touched = touchedBy(catalog({}, opaque), catalog(marks, opaque), read(before));
  expect(touched.kind === "all" ? undefined : touched.names).toEqual(want);
});

test.each([
  ["create table t (id int); grant select on t to anon;", false],
  ["revoke all on t from public;", false],
  ["create role clerk;", true],
  ["grant clerk to authenticator;", true],
  ["alter  DATABASE x set a.b = 'c'", true],
  ["do $$ begin create user u; end $$", true],
])("%s", (text, want) => {
  expect(changesServer(text)).toBe(want);
});
