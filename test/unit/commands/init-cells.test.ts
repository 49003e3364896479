import { expect, test } from "vitest";
import { isOfChanged, textsOf } from "../../../src/commands/init-cells.ts";
import type { Proposal } from "../../../src/init/proposal.ts";
import type { MatrixParts } from "../../../src/init/text.ts";
import type { RelationOperation } from "../../../src/model/matrix.ts";

type Said = Readonly<Record<string, Readonly<Record<string, Partial<Record<RelationOperation, Proposal>>>>>>;

function textsFor(said: Said): ReadonlyMap<string, string> {
  const declared = Object.entries(said).map(([relation, by]) => {
    const personas = Object.entries(by).map(
      ([persona, one]) => [persona, new Map(Object.entries(one) as [RelationOperation, Proposal][])] as const,
    );
    return [relation, new Map(personas)] as const;
  });
  return textsOf({ declared: new Map(declared), calls: [], functions: [] } as unknown as MatrixParts);
}

function askedAgain(before: Said, after: Said): readonly string[] {
  const was = textsFor(before);
  const changed = new Set(
    [...textsFor(after)].flatMap(([name, text]) => (was.get(name) === text ? [] : name)),
  );
  return ["docs", "notes"].flatMap((relation) =>
    ["ana", "luis"].flatMap((persona) =>
      (["select", "insert", "update"] as const).flatMap((operation) =>
        isOfChanged({ schema: "public", relation, persona, operation } as never, changed)
          ? `${persona}/${relation}/${operation}`
          : [],
      ),
    ),
  );
}

const own: Proposal = { rows: { name: "own", text: "owner = :sub" } };
const all: Proposal = { rows: "all" };
const before: Said = {
  "public.docs": { ana: { select: own }, luis: { select: own } },
  "public.notes": { ana: { select: own } },
};

test("after a correction, every cell of its persona and relation is asked again, and no other", () => {
  const after = { ...before, "public.docs": { ana: { select: all }, luis: { select: own } } };
  expect(askedAgain(before, after)).toEqual(["ana/docs/select", "ana/docs/insert", "ana/docs/update"]);
});

test("what is said of a persona for the first time, or no longer, is a correction", () => {
  const after: Said = { ...before, "public.notes": { ana: {}, luis: { update: all } } };
  expect(askedAgain(before, after)).toEqual([
    "ana/notes/select",
    "ana/notes/insert",
    "ana/notes/update",
    "luis/notes/select",
    "luis/notes/insert",
    "luis/notes/update",
  ]);
});

test("where nothing is corrected, nothing is asked again", () => {
  expect(askedAgain(before, before)).toEqual([]);
});
