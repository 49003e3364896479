import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import { channels as allChannels } from "../model/cell.ts";
import { RowgateError } from "../model/errors.ts";
import type { Matrix } from "../model/matrix.ts";
import type { RunFilters } from "../model/run.ts";

type Globs = Pick<RunFilters, "only" | "personas">;

interface Asked {
  readonly matrix: Matrix;
  readonly preflighted: { readonly cells: number; readonly unmatched: Globs };
}

/**
 * A filter that matches no cell of any matrix is probably a typo: beside others that match, its cells would go unproved and
 * the run would pass. @throws RowgateError `run/nothing-to-probe`
 */
export function refuseUnmatchedFilters(filters: RunFilters, systems: readonly Asked[]): void {
  const unmatched: Globs = {
    only: inAll(systems.map(({ preflighted }) => preflighted.unmatched.only)),
    personas: inAll(systems.map(({ preflighted }) => preflighted.unmatched.personas)),
  };
  const nothing = systems.every(({ preflighted }) => preflighted.cells === 0);
  if (!nothing && unmatched.only.length === 0 && unmatched.personas.length === 0) return;
  const matrices = systems.map(({ matrix }) => matrix);
  const asked = nothing ? spelled(filters, filters.channels) : spelled(unmatched, []);
  throw new RowgateError({
    code: "run/nothing-to-probe",
    message: `No cell of ${matrices.length === 1 ? "the matrix" : "the matrices"} ${matrices.map(({ name }) => name).join(", ")} matches ${asked || "what was asked"}${meantPersona(unmatched, matrices)}.`,
    hint: hintOf(unmatched, matrices),
  });
}

function inAll([first = [], ...others]: readonly (readonly string[])[]): readonly string[] {
  return first.filter((glob) => others.every((one) => one.includes(glob)));
}

function spelled({ only, personas }: Globs, channels: RunFilters["channels"]): string {
  return [
    ...only.map((one) => `--only ${one}`),
    ...personas.map((one) => `--persona ${one}`),
    ...(channels.length < allChannels.length ? channels.map((one) => `--channel ${one}`) : []),
  ].join(" ");
}

function meantPersona({ personas: [wrong] }: Globs, matrices: readonly Matrix[]): string {
  return wrong === undefined ? "" : didYouMean(nearest(wrong, personasOf(matrices)));
}

function hintOf({ only, personas }: Globs, matrices: readonly Matrix[]): string {
  if (only.length === 0 && personas.length > 0) return `the personas are ${listNames(personasOf(matrices))}`;
  const [matrix] = matrices;
  return `cells are named <persona>/<schema>.<relation>/<operation> or <persona>/<schema>.<function>/execute, as in ${matrix?.personas[0]?.name ?? "anon"}/${matrix?.schema ?? "public"}.${matrix?.relations[0]?.name ?? "courses"}/select`;
}

function personasOf(matrices: readonly Matrix[]): readonly string[] {
  return [...new Set(matrices.flatMap(({ personas }) => personas.map(({ name }) => name)))];
}
