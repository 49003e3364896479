import type { Command } from "commander";
import { type Act, list } from "./archive.ts";
import {
  baselineOption,
  configOption,
  defaultPrivilegesOption,
  layoutOption,
  postgresImageOption,
} from "./shared-options.ts";
import type { GateOptions } from "./gate.ts";

/** `rowgate gate`; what it does is loaded when it is asked for. */
export function addGateCommand(program: Command, act: Act): void {
  program
    .command("gate")
    .description("what migrations do to access, and whether the matrix says so; nothing of them stays")
    .argument(
      "[migration...]",
      "SQL files in order, or a folder of numbered SQL files; with --base, what is new",
    )
    .option("--matrix <file>", "the matrix; the only one of matrices/*.yaml when none is named", list)
    .option(
      "--base <commit>",
      "the state before is this commit's SQL, and what is new since then is pending (origin/main)",
    )
    .option(
      "--history <table>",
      "the table that holds the applied migrations, as <schema>.<table>:<column> (supabase_migrations.schema_migrations:version)",
    )
    .option("--target <name>", "where: embedded, container, or a target of rowgate.yaml", "embedded")
    .addOption(configOption())
    .option("--on-shared-target", "also where others work, who wait for locks; never in production", false)
    .option(
      "--policies <folder>",
      "the system's numbered SQL before the migrations, instead of the matrix's own",
    )
    .option("--overlay <file>", "SQL applied after the policies, before the migrations (repeatable)", list)
    .addOption(baselineOption())
    .addOption(defaultPrivilegesOption())
    .addOption(layoutOption())
    .addOption(postgresImageOption())
    .option(
      "--report <format=file>",
      "also write a report (repeatable): terminal, json, markdown, github",
      list,
    )
    .option("--no-require-complete", "let functions and roles pass that the matrix leaves out")
    .option("--quiet", "only what stops the migrations, and the last line", false)
    .option("--verbose", "also each policy, grant and owner that is otherwise than before", false)
    .option("--json", "one JSON document on standard output", false)
    .action(async (files: string[], given: Partial<GateOptions>) => {
      if (files.length === 0 && given.base === undefined)
        program.error("error: name the migrations, or the commit with which to compare: --base origin/main", {
          exitCode: 2,
        });
      const options: GateOptions = {
        ...(given as GateOptions),
        matrix: given.matrix ?? [],
        overlay: given.overlay ?? [],
        report: given.report ?? [],
      };
      await act(async (environment) => (await import("./gate.ts")).gateCommand(files, options, environment));
    });
}
