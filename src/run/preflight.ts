import { Control } from "../probe/sql/baseline.ts";
import type { Matrix } from "../model/matrix.ts";
import type { RunFilters } from "../model/run.ts";
import { countCalls } from "../plan/calls.ts";
import { countCells } from "../plan/expand.ts";
import { watchedFilterOf } from "../plan/filters.ts";
import { type Preparation, prepare } from "./preparation.ts";
import type { PreflightRequest } from "./request.ts";

/** A matrix that fits its database, and how many of its cells were asked for. */
export interface PreflightedRun extends Preparation {
  readonly cells: number;
  /** Those of the filters that took none of them. */
  readonly idle: Pick<RunFilters, "only" | "personas">;
  readonly milliseconds: number;
}

/** Preflight by itself, so that several runs can be held until all of them may begin. @throws IssuesError `preflight/failed` */
export async function preflightRun(request: PreflightRequest): Promise<PreflightedRun> {
  const { matrix, filters, database, limits, gateway } = request;
  const began = performance.now();
  const control = await Control.open(database, limits);
  try {
    const prepared = await control.ask("while the matrix was compared with it", (client) =>
      prepare(client, matrix, gateway),
    );
    return {
      ...prepared,
      ...countAsked(prepared, matrix, filters),
      milliseconds: performance.now() - began,
    };
  } finally {
    await control.close();
  }
}

/** None where the matrix speaks no channel that was asked for. */
function countAsked(
  { work, functions }: Preparation,
  matrix: Matrix,
  filters: RunFilters,
): Pick<PreflightedRun, "cells" | "idle"> {
  if (!filters.channels.some((channel) => matrix.channels.includes(channel)))
    return { cells: 0, idle: filters };
  const { wants, idle } = watchedFilterOf(filters);
  const cells = [
    ...work.map((one) => countCells(one.spec, one.relation, matrix.personas, wants)),
    ...functions.map((one) => countCalls(one, matrix.personas, wants)),
  ].reduce((sum, count) => sum + count, 0);
  return { cells, idle: idle() };
}
