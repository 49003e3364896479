import { RowgateError } from "../model/errors.ts";
import { reporters } from "../report/reporters.ts";
import { safeJson } from "../report/text.ts";
import type { Environment } from "./environment.ts";
import { describeError } from "./errors.ts";
import { createOverall, type Output } from "./output.ts";
import type { Outcome } from "./prove.ts";
import { openArchived } from "./report.ts";

/**
 * One document whatever happens. One system: `{"run": …, "cells": […]}`. Several: `{"runs": […], "exitCode": n}`, where
 * each of `runs` is such a document, or `{"matrix": …, "error": …}`, or `{"matrix": …, "notAsked": true}`.
 */
export function jsonOutput(systems: number, verbose: boolean, { out, err, cwd }: Environment): Output {
  const overall = createOverall();
  let separator = '{"runs":[\n';

  async function write(outcome: Outcome): Promise<void> {
    if (outcome.kind !== "proved") {
      const { name, file } = outcome.matrix;
      const rest = outcome.kind === "failed" ? { error: facts(outcome.error) } : { notAsked: true };
      out.write(`${safeJson({ matrix: { name, file }, ...rest })}\n`);
      return;
    }
    const archive = await openArchived(outcome.archive, cwd);
    const render = await reporters.json();
    for await (const piece of render(archive, { ...plain, verbose })) out.write(piece);
    overall.proved(archive);
  }

  return {
    show: async (outcome) => {
      if (outcome.kind === "failed") {
        if (systems === 1) throw outcome.error;
        overall.failed();
        err.write(describeError(outcome.error, cwd));
      }
      if (systems > 1) out.write(separator);
      separator = ",\n";
      await write(outcome);
    },
    finish: () => {
      if (systems > 1) out.write(`],"exitCode":${overall.code()}}\n`);
      return overall.code();
    },
  };
}

const plain = { width: 80, colour: false, quiet: false, running: false } as const;

function facts(error: unknown): object {
  if (!(error instanceof RowgateError)) return { code: "unexpected", message: String(error) };
  const { code, message, at, details, hint } = error;
  return { code, message, at, details, hint };
}
