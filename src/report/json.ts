import type { CellRecord, RunRecord } from "../model/run.ts";
import { safeJson } from "./text.ts";
import { isFailing } from "./wording.ts";

export interface JsonOptions {
  /** Every cell, not only those that failed (waived ones among them). */
  readonly allCells: boolean;
}

/**
 * One document, `{"run": …, "cells": […]}`, in pieces: cells may be more than memory holds. The shapes are those of
 * `run.json` and `cells.ndjson`.
 */
export async function* jsonReport(
  run: RunRecord,
  cells: Iterable<CellRecord> | AsyncIterable<CellRecord>,
  options: JsonOptions,
): AsyncGenerator<string, void, undefined> {
  yield `{"run":${safeJson(run)},\n"cells":[`;
  let separator = "\n";
  for await (const cell of cells) {
    if (!options.allCells && !isFailing(cell.verdict)) continue;
    yield `${separator}${safeJson(cell)}`;
    separator = ",\n";
  }
  yield "\n]}\n";
}
