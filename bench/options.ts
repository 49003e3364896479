import { parseArgs } from "node:util";

export const stages = [
  "direct",
  "rest",
  "memory",
  "start",
  "html",
  "proof",
  "escalate",
  "scan",
  "init",
  "watch",
  "mutate",
] as const;
export type Stage = (typeof stages)[number];

export interface Options {
  readonly stages: readonly Stage[];
  readonly rounds: number;
  /** The direct channel's shape. */
  readonly personas: number;
  readonly relations: number;
  /** Cells that the alternatives prove: their rate is of a sample. */
  readonly fiveStepCells: number;
  readonly pgTapCells: number;
  readonly memoryCells: number;
}

export const usage: string = `npm run bench -- [options]
  --only <stage,…>          of ${stages.join(", ")}; all of them unless named
  --rounds <n>              rounds of each comparison; medians are shown (3)
  --personas <n>            of the direct channel's shape, in tens (100)
  --relations <n>           of the direct channel's shape (200): personas x relations x 4 cells
  --five-step-cells <n>     a random sample for the way by hand (4000)
  --pgtap-cells <n>         a sample, whole relations, for pgTAP (8000)
  --memory-cells <n>        the large run of the memory budget (1000000)
`;

/** @throws {TypeError} for an option or a stage that does not exist */
export function readOptions(args: readonly string[]): Options | "help" {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: text,
      rounds: text,
      personas: text,
      relations: text,
      "five-step-cells": text,
      "pgtap-cells": text,
      "memory-cells": text,
      help: { type: "boolean" },
    },
  });
  if (values.help === true) return "help";
  return {
    stages: values.only === undefined ? stages : values.only.split(",").map(stageNamed),
    rounds: count(values.rounds, 3),
    personas: count(values.personas, 100),
    relations: count(values.relations, 200),
    fiveStepCells: count(values["five-step-cells"], 4000),
    pgTapCells: count(values["pgtap-cells"], 8000),
    memoryCells: count(values["memory-cells"], 1_000_000),
  };
}

function stageNamed(name: string): Stage {
  const found = stages.find((stage) => stage === name);
  if (found === undefined) throw new TypeError(`there is no stage ${name}: ${stages.join(", ")}`);
  return found;
}

function count(given: string | undefined, otherwise: number): number {
  const number = Number(given ?? otherwise);
  if (!Number.isInteger(number) || number < 1) throw new TypeError(`${given} is no count`);
  return number;
}
