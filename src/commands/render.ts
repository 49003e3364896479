import path from "node:path";
import { readCells, readRun } from "../archive/read.ts";
import { jsonReport } from "../report/json.ts";
import { createTerminalReport } from "../report/terminal.ts";
import type { Environment } from "./environment.ts";

export interface RenderOptions {
  readonly quiet: boolean;
  readonly json: boolean;
}

/** Everything that a person reads is rendered from the archive alone. */
export async function render(
  at: { readonly archive: string },
  options: RenderOptions,
  environment: Environment,
): Promise<void> {
  const { out, variables, cwd } = environment;
  const record = await readRun(at.archive);
  if (options.json) {
    for await (const piece of jsonReport(record, readCells(at.archive), { allCells: false }))
      out.write(piece);
    return;
  }
  const colour = out.isTerminal && (variables["NO_COLOR"] ?? "") === "";
  const report = createTerminalReport({
    width: out.isTerminal ? out.columns : 80,
    colour,
    quiet: options.quiet,
  });
  for await (const cell of readCells(at.archive)) report.add(cell);
  out.write(report.finish(record, path.relative(cwd, at.archive) || "."));
}
