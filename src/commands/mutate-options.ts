import { type Command, InvalidArgumentError, Option } from "commander";
import { operatorSets } from "../model/mutation.ts";
import { type Act, list } from "./archive.ts";
import { configOption, embeddedOptions } from "./shared-options.ts";
import { mutationFormats } from "./mutate-report.ts";
import type { MutateOptions } from "./mutate.ts";

/** `rowgate mutate`; what it does is loaded when it is asked for. */
export function addMutateCommand(program: Command, act: Act): void {
  embeddedOptions(
    program
      .command("mutate")
      .description("change policies, grants and options one by one, rolled back: which does no cell notice?")
      .argument("[matrix...]", "matrix files; all of matrices/*.yaml when none is named")
      .option("--target <name>", "where: embedded, container, or a target of rowgate.yaml", "embedded")
      .addOption(configOption())
      .option("--on-shared-target", "also where others work, who wait for locks; never in production", false)
      .option("--anew", "try every change, also where an earlier result still holds", false)
      .addOption(
        new Option("--operators <set>", "selective: kinds of changes that subsume most others; full: all")
          .choices([...operatorSets])
          .default("selective"),
      )
      .option("--min-score <percent>", "fail (exit 1) below this mutation score", percentage)
      .option("--only <glob>", "only cells that match may notice (repeatable), as for run", list)
      .option("--persona <name>", "only these personas (repeatable, globs)", list)
      .option("--policies <folder>", "the system's numbered SQL, instead of the matrix's own")
      .option("--overlay <file>", "SQL applied after the policies (repeatable)", list),
  )
    .option("--quiet", "only what survived, and the last line", false)
    .option("--verbose", "every change, also those that were noticed or left out, and why", false)
    .option(
      "--report <format=file>",
      `also write a report to a file (repeatable): ${mutationFormats.join(", ")}`,
      list,
    )
    .option("--json", "one JSON document on standard output", false)
    .action(async (files: string[], given: Partial<MutateOptions>) => {
      const options: MutateOptions = {
        ...(given as MutateOptions),
        only: given.only ?? [],
        persona: given.persona ?? [],
        report: given.report ?? [],
        overlay: given.overlay ?? [],
      };
      await act(async (environment) =>
        (await import("./mutate.ts")).mutateCommand(files, options, environment),
      );
    });
}

function percentage(value: string): number {
  const number = Number(value);
  if (value.trim() === "" || !(number >= 0 && number <= 100))
    throw new InvalidArgumentError("a number from 0 to 100");
  return number;
}
