import type { ArchivedRun, ReportOptions } from "./archived-run.ts";
import { safeJson } from "./text.ts";
import { isFailing } from "./words.ts";

/**
 * One document, `{"run": …, "cells": […]}`: cells that failed (waived ones among them), with `verbose` all of them. The
 * shapes are those of `run.json` and `cells.ndjson`.
 */
export async function* jsonReport(
  archive: ArchivedRun,
  { verbose }: Pick<ReportOptions, "verbose">,
): AsyncGenerator<string, void, undefined> {
  yield `{"run":${safeJson(archive.run)},\n"cells":[`;
  let separator = "\n";
  for await (const cell of archive.cells()) {
    if (!verbose && !isFailing(cell.verdict)) continue;
    yield `${separator}${safeJson(cell)}`;
    separator = ",\n";
  }
  yield "\n]}\n";
}
