import { describe, expect, test } from "vitest";
import type { Cell } from "../../../src/model/cell.ts";
import type { ChannelAnswer } from "../../../src/model/channel.ts";
import type { ProbedCell } from "../../../src/run/4-probe.ts";
import type { ArgumentFaults } from "../../../src/run/arguments.ts";
import { HeldBack } from "../../../src/run/held-back.ts";
import type { Chunk } from "../../../src/run/workers.ts";

const chunk = {} as Chunk;
const tried: ChannelAnswer = { observation: { kind: "skipped", reason: "tried beside" }, probe: "update" };

/** A column makes it a cell of what an UPDATE assigns. */
function cell(id: string, column?: string): ProbedCell {
  return { cell: { id, column, operation: "update", channels: ["direct"] } as unknown as Cell, answers: {} };
}

function started() {
  const settling: { resolve?: (faults: ArgumentFaults) => void; reject?: (error: Error) => void } = {};
  const declared = new Promise<ArgumentFaults>((resolve, reject) => {
    Object.assign(settling, { resolve, reject });
  });
  const recorded: string[] = [];
  const proved: string[] = [];
  const held = new HeldBack({
    declared,
    prove: async (probed) => {
      proved.push(...probed.map((one) => one.cell.id));
      return probed;
    },
    record: async ({ cell: { id }, answers: { direct } }) => {
      await Promise.resolve();
      recorded.push(direct === tried ? `${id} answered` : id);
    },
  });
  const answer = (): void => {
    const assigned = ({ column }: Cell): ChannelAnswer | undefined =>
      column === undefined ? undefined : tried;
    settling.resolve?.({ of: () => undefined, assigned, findings: [] });
  };
  return { held, recorded, proved, answer, fail: (error: Error) => settling.reject?.(error) };
}

describe("cells that are held back until it is known what was tried beside them", () => {
  test("are proved at once, but for columns that are tried, and recorded in their order", async () => {
    const { held, recorded, proved, answer } = started();
    await held.add(chunk, [cell("a"), cell("a/name", "name"), cell("b")]);
    await held.add(chunk, [cell("c")]);
    expect(proved).toEqual(["a", "b", "c"]);
    expect(recorded).toEqual([]);
    answer();
    await held.add(chunk, [cell("d")]);
    await held.release();
    expect(recorded).toEqual(["a", "a/name answered", "b", "c", "d"]);
    expect(proved.toSorted()).toEqual(["a", "a/name", "b", "c", "d"]);
  });

  test("keep their order whoever lets them go", async () => {
    const { held, recorded, answer } = started();
    await held.add(chunk, [cell("a"), cell("b")]);
    answer();
    await Promise.all([held.release(), held.add(chunk, [cell("c")]), held.release()]);
    await held.release();
    expect(recorded).toEqual(["a", "b", "c"]);
  });

  test("are some thousand at the most: with more, the worker waits", async () => {
    const { held, recorded, answer } = started();
    const many = Array.from({ length: 2_001 }, (_, index) => cell(String(index)));
    const added = held.add(chunk, many);
    const first = await Promise.race([
      added.then(() => "added"),
      held.add(chunk, []).then(() => "added"),
      soon(),
    ]);
    expect(first).toBe("waits");
    answer();
    await added;
    expect(recorded).toHaveLength(2_001);
  });

  test("are not recorded where what was tried has failed", async () => {
    const { held, recorded, fail } = started();
    await held.add(chunk, [cell("a")]);
    fail(new Error("the server is gone"));
    await expect(held.release()).rejects.toThrow("the server is gone");
    expect(recorded).toEqual([]);
  });
});

async function soon(): Promise<string> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  return "waits";
}
