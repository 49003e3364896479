import { type Command, Option } from "commander";
import { proofWishes } from "../run/request.ts";
import { type Act, list, whole } from "./archive.ts";
import {
  baselineOption,
  configOption,
  containerOptions,
  defaultPrivilegesOption,
  embeddedOptions,
} from "./shared-options.ts";
import type { CaptureOptions } from "./capture.ts";
import type { InitOptions } from "./init.ts";
import type { ScanOptions } from "./scan.ts";
import type { WatchOptions } from "./watch.ts";

/** What is asked of a system that has no matrix yet, or whose matrix is being written. */
export function addFirstCommands(program: Command, act: Act): void {
  program
    .command("watch")
    .description(
      "keep a server up, and after each save prove the cells that it touches (embedded, direct channel)",
    )
    .argument("<matrix>", "the matrix file")
    .option("--policies <folder>", "the system's numbered SQL, instead of the matrix's own")
    .option("--overlay <file>", "SQL applied after the policies (repeatable)", list)
    .addOption(baselineOption())
    .addOption(defaultPrivilegesOption())
    .addOption(proofOption())
    .action(async (file: string, given: Partial<WatchOptions>) => {
      const options: WatchOptions = { ...(given as WatchOptions), overlay: given.overlay ?? [] };
      const { watchCommand } = await import("./watch.ts");
      await act(async (environment) => watchCommand(file, options, environment));
    });
  startedOptions(
    targetOptions(
      program
        .command("init")
        .description(
          "write the first matrix of a system as observed, and rows for empty tables; overwrites nothing",
        )
        .argument(
          "[folder]",
          "the system's SQL, for a target that is started; supabase/ or policies/<name> when none is named",
        ),
      "observe",
    ),
  )
    .option(
      "--within <seconds>",
      "after so long, what is still open is waived, and one whole run is made at the most",
      whole,
      900,
    )
    .option("--quiet", "no progress", false)
    .action(async (folder: string | undefined, given: Partial<InitOptions>) => {
      const { initCommand } = await import("./init.ts");
      await act(async (environment) => initCommand(folder, given as InitOptions, environment));
    });
  startedOptions(
    targetOptions(
      program
        .command("scan")
        .description("show who can do what with every relation, without a matrix; writes nothing")
        .argument(
          "[folder]",
          "the system's SQL, for a target that is started; supabase/migrations when none is named",
        ),
      "scan",
    ).option("--overlay <file>", "SQL applied after the folder's: rows, for example (repeatable)", list),
  )
    .addOption(proofOption())
    .option("--report <html=file>", "also write the map as a page", list)
    .option("--quiet", "only the questions, and the last line", false)
    .option("--json", "one JSON document on standard output", false)
    .action(async (folder: string | undefined, given: Partial<ScanOptions>) => {
      const options: ScanOptions = {
        ...(given as ScanOptions),
        overlay: given.overlay ?? [],
        report: given.report ?? [],
      };
      const { scanCommand } = await import("./scan.ts");
      await act(async (environment) => scanCommand(folder, options, environment));
    });
  program
    .command("capture")
    .description("write down a running target's default privileges, for embedded databases that stand for it")
    .argument("<target>", "a target of rowgate.yaml, or supabase (the local stack)")
    .addOption(configOption())
    .action(async (target: string, options: CaptureOptions) => {
      const { captureCommand } = await import("./capture.ts");
      await act(async (environment) => captureCommand(target, options, environment));
    });
}

function proofOption(): Option {
  return new Option(
    "--proof <how>",
    "all-rows: try rows that could be there too; rows-at-hand: only the rows that are there, in less time",
  )
    .choices([...proofWishes])
    .default("all-rows");
}

/** Where the system is. @param verb what the command does to it */
function targetOptions(command: Command, verb: string): Command {
  return command
    .option(
      "--target <name>",
      "where: embedded, container, supabase (the local stack), or a target of rowgate.yaml",
      "embedded",
    )
    .addOption(configOption())
    .option(
      "--override-production-guard",
      `${verb} it although the target's address looks like production`,
      false,
    );
}

/** How a target is made that rowgate starts. */
function startedOptions(command: Command): Command {
  return embeddedOptions(containerOptions(command));
}
