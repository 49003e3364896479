import { expect, test } from "vitest";
import { Turns } from "../../../src/lib/turns.ts";

/** Uses that write when they begin and end; each goes on until it is told to end. */
function watched(): {
  readonly seen: string[];
  readonly use: (name: string) => () => Promise<void>;
  readonly end: (name: string) => Promise<void>;
} {
  const seen: string[] = [];
  const going = new Map<string, () => void>();
  return {
    seen,
    use: (name) => async () => {
      seen.push(`${name} begins`);
      await new Promise<void>((resolve) => going.set(name, resolve));
      seen.push(`${name} ends`);
    },
    end: async (name) => {
      going.get(name)?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test("one alone begins when what goes on is over, and what comes meanwhile begins after it", async () => {
  const turns = new Turns();
  const { seen, use, end } = watched();
  const all = [
    turns.shared(use("a")),
    turns.shared(use("b")),
    turns.alone(use("alone")),
    turns.shared(use("c")),
    turns.alone(use("later")),
  ];
  for (const name of ["a", "b", "alone", "later", "c"]) await end(name);
  await Promise.all(all);
  expect(seen).toEqual(
    [
      "a begins",
      "b begins",
      "a ends",
      "b ends",
      "alone begins",
      "alone ends",
      "later begins",
      "later ends",
    ].concat(["c begins", "c ends"]),
  );
});

const failing = (): Promise<never> => Promise.reject(new Error("broken"));

test("one that fails keeps no other waiting", async () => {
  const turns = new Turns();
  await expect(turns.alone(failing)).rejects.toThrow("broken");
  await expect(turns.shared(failing)).rejects.toThrow("broken");
  await expect(turns.alone(() => Promise.resolve(1))).resolves.toBe(1);
  await expect(turns.shared(() => Promise.resolve(2))).resolves.toBe(2);
});
