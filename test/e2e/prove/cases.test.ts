import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Answer } from "../../../src/prove/answer.ts";
import { type EmbeddedServer, startEmbedded } from "../../../src/stage/postgres/server.ts";
import { answersOf, readCases, wordsOf } from "./cases.ts";

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

  test.each(one.cells.map((cell, index) => ({ ...cell, index })))("$who $may $on ($declared): $answer", (cell) => {
    const answer = answers[cell.index];
    expect(answer && wordsOf(answer), JSON.stringify(answer)).toBe(cell.answer);
    if (cell.because !== undefined) expect(answer?.kind === "undecided" ? answer.because : "").toContain(cell.because);
    if (cell.restsOn !== undefined) expect(answer && named(answer)).toContain(cell.restsOn);
  });
});

function named(answer: Answer): readonly string[] {
  if (!("restsOn" in answer)) return [];
  const { claims, time, relations } = answer.restsOn;
  const all = [...claims.map(({ claim }) => claim), ...(time.length > 0 ? ["time"] : []), ...relations];
  return all.length === 0 ? ["nothing"] : all;
}
