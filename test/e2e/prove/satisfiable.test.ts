import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedServer, startEmbedded } from "../../../src/stage/postgres/server.ts";
import type { ProofAnswer as Answer } from "../../../src/model/proof.ts";
import { answersOf, readYaml } from "./cases.ts";

const { columns, before, policies } = readYaml<{ columns: string; before: string; policies: string }>(
  "satisfiable.yaml",
);
const sound = policies.split("\n").filter((one) => one !== "");
const ana = { claims: { sub: "aaaaaaaa-0000-4000-8000-000000000001" } };

let server: EmbeddedServer;
let answers: readonly Answer[] = [];

beforeAll(async () => {
  server = await startEmbedded();
  const tables = sound.map((policy, index) => {
    const table = `open_${index}`;
    return (
      `create table ${table} (${columns}); alter table ${table} enable row level security; ` +
      `create policy own on ${table} for insert with check (${policy.replaceAll("{t}", table)}); grant insert on ${table} to authenticated;`
    );
  });
  const cells = sound.map((_, index) => ({
    who: "ana",
    may: "insert" as const,
    on: `open_${index}`,
    declared: "deny",
    answer: "",
  }));
  answers = await answersOf(server, { sql: [before, ...tables].join("\n"), personas: { ana }, cells });
});
afterAll(() => server.stop());

test.each(sound.map((policy, index) => ({ policy, index })))("$policy is not proved", ({ index }) => {
  expect(["hit", "undecided"], JSON.stringify(answers[index])).toContain(answers[index]?.kind);
});

/** A policy that nothing decides would pass the test above. */
test("most of them are shown by a statement", () => {
  expect(answers.filter(({ kind }) => kind === "hit").length).toBeGreaterThan(sound.length * 0.7);
});
