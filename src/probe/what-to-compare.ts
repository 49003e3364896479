import type { Cell } from "../model/cell.ts";
import type { Answer, PositiveControl } from "../model/observation.ts";

/** Columns by which rows are compared: the key if the persona may read it, else all that it and the baseline can read. */
export function comparedColumns(
  { relation, column }: Pick<Cell, "relation" | "column">,
  readable: readonly string[],
): readonly string[] {
  const { key, baseline } = relation;
  const named = key.length > 0 && key.every((name) => readable.includes(name));
  if (column === undefined) {
    if (named) return key;
    return readable.filter((name) => baseline.columns.some((one) => one.name === name));
  }
  // A column cell compares values: the row's key, where it can be read, and the value.
  return named ? [...key.filter((name) => name !== column), column] : [column];
}

/** The rows of a call are compared where the matrix says which they must be; else it is asked whether it goes through. */
export function comparesRows({ expectation, column }: Pick<Cell, "expectation" | "column">): boolean {
  if (column !== undefined) return true;
  const { kind } = expectation;
  return kind === "rows" || (kind === "deny" && expectation.reason === "filter");
}

/** What came of another cell's call. */
export function positiveControlOf({ persona, call }: Cell, answer: Answer): PositiveControl {
  return { persona: persona.name, call: call?.only === true ? undefined : call?.name, answer };
}
