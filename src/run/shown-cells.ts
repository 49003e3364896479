import type { Cell } from "../model/cell.ts";
import { expandCalls } from "../plan/calls.ts";
import { expandCells } from "../plan/expand.ts";
import type { ExpandOptions } from "../plan/options.ts";
import type { Preparation } from "./preparation.ts";
import type { RunRequest } from "./request.ts";

interface Shown {
  readonly request: Pick<RunRequest, "matrix">;
  readonly prepared: Preparation;
  readonly options: Omit<ExpandOptions, "visible">;
}

/** SELECT cells and calls whose declared rows depend on who asks: one of them answered right shows that `sub` arrives. */
export function cellsOfIdentity({ request, prepared, options }: Shown): readonly Cell[] {
  const signedIn = request.matrix.personas
    .filter(({ claims }) => typeof claims?.["sub"] === "string")
    .slice(0, 50);
  const found: Cell[] = [];
  for (const { spec, relation } of prepared.work) {
    const cells = expandCells(request.matrix, spec, relation, prepared.catalog, signedIn, {
      ...options,
      wants: isSelect,
      visible: new Map(),
    });
    found.push(...cells.filter(dependsOnSub).slice(0, 4));
    if (found.length >= 12) return found;
  }
  for (const planned of prepared.functions) {
    const all = { ...options, wants: () => true };
    const cells = expandCalls(request.matrix, planned, prepared.catalog, signedIn, all);
    found.push(...cells.filter(dependsOnSub).slice(0, 4));
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

function dependsOnSub({ expectation, persona, channels }: Cell): boolean {
  const sub = persona.claims?.["sub"];
  return (
    channels.includes("rest") &&
    expectation.kind === "rows" &&
    typeof sub === "string" &&
    expectation.predicate.includes(sub)
  );
}
