import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedServer, startEmbedded } from "../../../src/stage/postgres/server.ts";
import { proveMatrix } from "../../support/proof.ts";

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(() => server.stop());

test.each(["clawtrol", "fne-lms", "helios", "ogelbase"])(
  "%s: every cell that rests on a policy is decided, and what is found is the persona's own",
  async (name) => {
    const matrix = readFileSync(`matrices/${name}.yaml`, "utf8");
    const { cells } = await proveMatrix(server, { matrix, policies: `policies/${name}` });
    const open = cells.filter(({ answer }) => /undecided|mismatch|constraint-only/.test(answer.kind));
    const anybody = cells.filter(({ answer }) => answer.kind === "hit" && !answer.own);
    expect([...open, ...anybody]).toEqual([]);
    expect(cells.filter(({ answer }) => answer.kind === "all-rows").length).toBeGreaterThan(150);
  },
);
