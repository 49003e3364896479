import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProofAnswer as Answer } from "../../../src/model/proof.ts";
import { type EmbeddedServer, startEmbedded } from "../../../src/stage/postgres/server.ts";
import { answersOf, expectedAnswer, readCases, shownAnswer } from "./cases.ts";

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(() => server.stop());

describe.each(readCases("cases/"))("$name", (one) => {
  let answers: readonly Answer[] = [];
  beforeAll(async () => {
    answers = await answersOf(server, one);
  });

  test.each(one.cells.map((cell, index) => ({ ...cell, index })))(
    "$who $may $on ($declared): $answer",
    (cell) => {
      const given = answers[cell.index];
      expect(shownAnswer(given, cell), JSON.stringify(given)).toEqual(expectedAnswer(cell));
    },
  );
});
