import type { Cell } from "../model/cell.ts";
import type { Persona } from "../model/matrix.ts";
import { expandCalls } from "../plan/calls.ts";
import { type ExpandOptions, expandCells } from "../plan/expand.ts";
import type { Preparation } from "./preparation.ts";
import type { RunRequest } from "./request.ts";

interface Shown {
  readonly request: Pick<RunRequest, "matrix">;
  readonly prepared: Preparation;
  readonly options: Omit<ExpandOptions, "visible">;
}

/** SELECT cells and calls whose declared rows depend on who asks: one of them answered right shows that `sub` arrives. */
export function cellsOfIdentity(input: Shown): readonly Cell[] {
  const signedIn = input.request.matrix.personas.filter(({ claims }) => typeof claims?.["sub"] === "string");
  return someCells(input, signedIn.slice(0, 50), dependsOnSub);
}

/** SELECT cells and calls of whoever may see rows: one of them answered right shows that the gateway has those rows. */
export function cellsOfRows(input: Shown): readonly Cell[] {
  return someCells(input, input.request.matrix.personas.slice(0, 50), showsRows);
}

/** A few of each relation and function, a dozen at most. */
function someCells(
  { request, prepared, options }: Shown,
  personas: readonly Persona[],
  wanted: (cell: Cell) => boolean,
): readonly Cell[] {
  const found: Cell[] = [];
  for (const { spec, relation } of prepared.work) {
    const cells = expandCells(request.matrix, spec, relation, prepared.catalog, personas, {
      ...options,
      wants: isSelect,
      visible: new Map(),
    });
    found.push(...cells.filter(wanted).slice(0, 4));
    if (found.length >= 12) return found;
  }
  for (const planned of prepared.functions) {
    const all = { ...options, wants: () => true };
    const cells = expandCalls(request.matrix, planned, prepared.catalog, personas, all);
    found.push(...cells.filter(wanted).slice(0, 4));
  }
  return found.slice(0, 12);
}

/** Every call of the run, whatever was asked for: some of them must be known to go through before others are believed. */
export function allCalls({ request, prepared, options }: Shown): readonly Cell[] {
  const { matrix } = request;
  const all = { ...options, wants: () => true };
  return prepared.functions.flatMap((planned) =>
    expandCalls(matrix, planned, prepared.catalog, matrix.personas, all),
  );
}

function isSelect(id: string): boolean {
  return id.endsWith("/select");
}

function showsRows({ expectation, channels }: Cell): boolean {
  return channels.includes("rest") && (expectation.kind === "rows" || expectation.kind === "allow");
}

function dependsOnSub({ expectation, persona, channels }: Cell): boolean {
  const sub = persona.claims?.["sub"];
  return (
    channels.includes("rest") &&
    expectation.kind === "rows" &&
    typeof sub === "string" &&
    expectation.predicate.includes(sub)
  );
}
