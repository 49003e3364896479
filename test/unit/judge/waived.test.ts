import { describe, expect, it } from "vitest";
import type { Observation } from "../../../src/model/observation.ts";
import type { CellRecord } from "../../../src/model/run.ts";
import { errorCode } from "../../../src/model/waived.ts";
import { accepted, channel, inserted, reach, refused } from "../../fixtures/runs/build.ts";

const wrongOperator = refused("42883", "operator does not exist: rank = text");

describe("the error that a waiver may name", () => {
  it.each<[name: string, direct: Observation, rest: Observation | undefined, code: string | undefined]>([
    ["on the only channel", reach({ answer: wrongOperator }), undefined, "42883"],
    ["on both channels", reach({ answer: wrongOperator }), reach({ answer: wrongOperator }), "42883"],
    [
      "of a candidate beside a refused one",
      inserted(["a", refused("42501", "no")], ["b", wrongOperator]),
      undefined,
      "42883",
    ],
    [
      "another one on the other channel",
      reach({ answer: wrongOperator }),
      reach({ answer: refused("42P17", "recursion") }),
      undefined,
    ],
    [
      "none of the SQL itself",
      reach({ answer: refused("53300", "too many connections") }),
      undefined,
      undefined,
    ],
    [
      "a lost connection",
      { kind: "failed", failure: { kind: "connection", message: "gone" } },
      undefined,
      undefined,
    ],
    [
      "a lost connection on the other channel",
      reach({ answer: wrongOperator }),
      { kind: "failed", failure: { kind: "connection", message: "gone" } },
      undefined,
    ],
    [
      "a state of the session that was not tested",
      reach({
        answer: wrongOperator,
        untestedStates: [{ state: "reset", failure: { kind: "timeout", message: "late" } }],
      }),
      undefined,
      undefined,
    ],
    ["no error at all", reach({ answer: accepted }), undefined, undefined],
  ])("%s", (_name, direct, rest, code) => {
    const channels: CellRecord["channels"] = {
      direct: channel("error", { observation: direct }),
      ...(rest && { rest: channel("error", { observation: rest }) }),
    };
    expect(errorCode({ operation: "select", channels })).toBe(code);
  });
});
