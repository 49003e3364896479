import { type Command, InvalidArgumentError, Option } from "commander";
import type { DiffOptions } from "./diff.ts";
import type { Environment, ExitCode } from "./environment.ts";
import type { EvidenceOptions } from "./evidence.ts";
import type { ReportCommandOptions } from "./report.ts";
import type { VerifyOptions } from "./verify.ts";
import { reportFormats } from "../report/reporters.ts";

/** Loaded when they are asked for, as those of cli.ts. */
const commands = {
  report: async () => (await import("./report.ts")).reportCommand,
  diff: async () => (await import("./diff.ts")).diffCommand,
  verify: async () => (await import("./verify.ts")).verifyCommand,
  evidence: async () => (await import("./evidence.ts")).evidenceCommand,
};

/** An option that may be given several times. */
export const list = (value: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  value,
];

export function whole(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 100_000)
    throw new InvalidArgumentError("a whole number from 1 to 100000");
  return number;
}

export type Act = (work: (environment: Environment) => Promise<ExitCode>) => Promise<void>;

/** What is asked of archives: no command here starts or opens a target. */
export function addArchiveCommands(program: Command, act: Act): void {
  program
    .command("report")
    .description("render an archived run again; ends with the run's exit code")
    .argument("<run>", "an archive's folder, a run id, or latest")
    .addOption(new Option("--format <name>", "what to write").choices([...reportFormats]).default("terminal"))
    .option("--quiet", "only what failed, and the last line", false)
    .option("--verbose", "each failing cell by itself, wide grids, every note and input", false)
    .option("--report <format=file>", "also write a report to a file (repeatable)", list)
    .option("--against <run>", "html: show what changed since this run")
    .option("--logs <folder>", "where archives are", "logs")
    .action(async (run: string, given: Partial<ReportCommandOptions>) => {
      const options = { ...(given as ReportCommandOptions), report: given.report ?? [] };
      await act(async (environment) => (await commands.report())(run, options, environment));
    });

  program
    .command("diff")
    .description("what changed from one run to another: access gained and lost, verdicts, what is in force")
    .argument("<before>", "an archive's folder (a committed baseline), a run id, or latest")
    .argument("<after>", "an archive's folder, a run id, or latest")
    .addOption(
      new Option("--format <name>", "what to write")
        .choices(["terminal", "json", "markdown"])
        .default("terminal"),
    )
    .option("--logs <folder>", "where archives are", "logs")
    .action(async (before: string, after: string, options: DiffOptions) => {
      await act(async (environment) => (await commands.diff())(before, after, options, environment));
    });

  program
    .command("verify")
    .description("check that archived runs are as they were written, and by whose key they are signed")
    .argument("[run]", "an archive's folder, a run id, latest, or a folder of runs (all of --logs)")
    .option("--key <file>", "a public key, or a folder of them, by one of which runs must be signed")
    .option("--logs <folder>", "where archives are", "logs")
    .option("--json", "one JSON document on standard output", false)
    .action(async (run: string | undefined, options: VerifyOptions) => {
      await act(async (environment) => (await commands.verify())(run, options, environment));
    });

  program
    .command("evidence")
    .description(
      "evidence of a period for an auditor: runs, gaps, exceptions, waivers, a sample, in one folder",
    )
    .requiredOption("--from <day>", "the first day, as 2026-01-31 (UTC)")
    .requiredOption("--to <day>", "the last day")
    .option("--every <hours>", "the schedule: hours between two runs of a matrix at the most", whole, 24)
    .option("--seed <text>", "draws the sample (default: <from>..<to>)")
    .option("--sample <runs>", "how many runs to draw", whole, 25)
    .option("--controls <file>", "which controls the evidence supports (default: a list to start from)")
    .option("--key <file>", "a public key, or a folder of them, by one of which runs must be signed")
    .option("--out <folder>", "where to write (default: evidence-<from>-<to>); must not exist")
    .option("--logs <folder>", "where archives are", "logs")
    .action(async (options: EvidenceOptions) => {
      await act(async (environment) => (await commands.evidence())(options, environment));
    });
}
