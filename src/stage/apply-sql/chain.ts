import path from "node:path";
import { DatabaseError } from "pg";
import { RowgateError } from "../../model/errors.ts";

/** Codes that say: this is not there. Relation, column, function, type or role, schema. */
const notThere: ReadonlySet<string | undefined> = new Set(["42P01", "42703", "42883", "42704", "3F000"]);

/**
 * A file that names what does not exist is a link of a chain: what makes it was to come before. The failure says so,
 * with the files that did, and with the number that is left out where numbers go one by one.
 */
export function inChain(failure: unknown, files: readonly string[], at: number): unknown {
  if (!(failure instanceof RowgateError) || !(failure.cause instanceof DatabaseError)) return failure;
  if (failure.code !== "sql/statement" || !notThere.has(failure.cause.code)) return failure;
  const names = files.map((file) => path.basename(file));
  const before = names.slice(0, at);
  const came =
    before.length === 0 ? "it is the first file of its folder" : `before it came ${before.join(", ")}`;
  const gap = missingNumber(names.slice(0, at + 1));
  const after = names.slice(at + 1);
  const parts = [
    `what makes it must come first: ${came}`,
    ...(gap === undefined ? [] : [`and there is no ${gap}`]),
    ...(after.length === 0 ? [] : [`after it come ${after.join(", ")}`]),
  ];
  const { code, message, at: position, details, hint, cause } = failure;
  const hints = [...(hint === undefined ? [] : [hint]), parts.join("; ")];
  return new RowgateError({ code, message, at: position, details, hint: hints.join("\n  "), cause });
}

/** In 1, 2, 4 it is 3. Numbers that go by tens leave nothing out that anybody could name. */
function missingNumber(names: readonly string[]): string | undefined {
  const digits = names.map((name) => /^\d+/.exec(name)?.[0] ?? "");
  const [last = 0, previous = 0, ...others] = digits.map(Number).toReversed();
  const oneByOne = [previous, ...others].every((number, index, all) => number === all.length - index);
  if (!oneByOne || last - previous !== 2) return undefined;
  return String(previous + 1).padStart(digits.at(-2)?.length ?? 0, "0");
}
