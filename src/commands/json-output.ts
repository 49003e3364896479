import { readCells, readRun } from "../archive/read.ts";
import { RowgateError } from "../model/errors.ts";
import { jsonReport } from "../report/json.ts";
import { safeJson } from "../report/text.ts";
import type { Environment } from "./environment.ts";
import { describeError } from "./errors.ts";
import type { Output } from "./output.ts";
import { createOverall } from "./overall.ts";
import type { Outcome } from "./prove.ts";

/**
 * One document whatever happens. One system: `{"run": …, "cells": […]}`. Several: `{"runs": […], "exitCode": n}`, where
 * each of `runs` is such a document, or `{"matrix": …, "error": …}`, or `{"matrix": …, "notAsked": true}`.
 */
export function jsonOutput(systems: number, { out, err, cwd }: Environment): Output {
  const overall = createOverall();
  let separator = '{"runs":[\n';
  return {
    show: async (outcome) => {
      if (outcome.kind === "failed") {
        if (systems === 1) throw outcome.error;
        err.write(describeError(outcome.error, cwd));
      }
      overall.add(...exitOf(outcome));
      if (systems > 1) out.write(separator);
      separator = ",\n";
      for await (const piece of pieces(outcome)) out.write(piece);
    },
    finish: () => {
      if (systems > 1) out.write(`],"exitCode":${overall.code()}}\n`);
      return overall.code();
    },
  };
}

function exitOf(outcome: Outcome): Parameters<ReturnType<typeof createOverall>["add"]> {
  if (outcome.kind === "proved") return [outcome.run.exitCode, outcome.run];
  return [outcome.kind === "failed" ? 2 : 0];
}

async function* pieces(outcome: Outcome): AsyncGenerator<string, void, undefined> {
  if (outcome.kind === "proved") {
    const { archive } = outcome;
    yield* jsonReport(await readRun(archive), readCells(archive), { allCells: false });
    return;
  }
  const { name, file } = outcome.matrix;
  const rest = outcome.kind === "failed" ? { error: facts(outcome.error) } : { notAsked: true };
  yield `${safeJson({ matrix: { name, file }, ...rest })}\n`;
}

function facts(error: unknown): object {
  if (!(error instanceof RowgateError)) return { code: "unexpected", message: String(error) };
  const { code, message, at, details, hint } = error;
  return { code, message, at, details, hint };
}
