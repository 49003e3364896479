#!/usr/bin/env node
import {
  choice,
  configOption,
  containerOptions,
  embeddedOptions,
  imageOptions,
} from "./commands/shared-options.ts";
import { Command, InvalidArgumentError, Option } from "commander";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";
import { addArchiveCommands, list } from "./commands/archive.ts";
import type { EscalationWish } from "./run/request.ts";
import type { CleanUpOptions } from "./commands/clean-up.ts";
import type { DoctorOptions } from "./commands/doctor.ts";
import { type Environment, type ExitCode, type TextSink, withoutCommands } from "./commands/environment.ts";
import { describeError } from "./commands/errors.ts";
import { addMutateCommand } from "./commands/mutate-options.ts";
import type { RunOptions } from "./commands/options.ts";
import { addGateCommand } from "./commands/gate-options.ts";
import { addFirstCommands } from "./commands/first-commands.ts";
import type { TokenOptions } from "./commands/token.ts";
import { channels } from "./model/cell.ts";
import { RowgateError } from "./model/errors.ts";
import { incompleteNotes, unprovedNotes } from "./model/finding.ts";
import { reportFormats } from "./report/reporters.ts";

/**
 * A run keeps little and goes through much: of a heap of 100 MB, 75 are cells that were judged and written long ago. By itself V8
 * lets a heap grow to several times of what lived after the last collection; here it collects once it has grown by three
 * quarters. A third less memory at a million cells, for no time that shows (`npm run bench -- --only memory`). It is a flag of
 * the process, so only this file may set it. https://nodejs.org/api/v8.html#v8setflagsfromstringflags
 */
setFlagsFromString("--heap-growing-percent=75");

/**
 * Most of what runs, runs for some seconds, and on few cores the optimizing compiler takes its time from Postgres: a function
 * is compiled once it has run for eight times as long as V8 waits by itself. A tenth less of Node's own time in `init`.
 */
setFlagsFromString("--interrupt-budget=540672");

/**
 * On two cores or one, threads that help to collect new objects wait for Postgres's turn, and the main thread waits for them:
 * it collects by itself in two thirds of the time, and a tenth less of Node's own time is used in `init`.
 */
if (availableParallelism() <= 2) setFlagsFromString("--no-parallel-scavenge");

const gatewayKinds = ["auto", "postgrest", "builtin"];

type GivenRunOptions = Partial<RunOptions> & {
  readonly channel?: (typeof channels)[number];
  readonly strict: boolean;
};

/** Loaded when they are asked for: together they take longer to load than most of them take to run. */
const commands = {
  run: async () => (await import("./commands/run.ts")).runCommand,
  token: async () => (await import("./commands/token.ts")).tokenCommand,
  doctor: async () => (await import("./commands/doctor.ts")).doctorCommand,
  cleanUp: async () => (await import("./commands/clean-up.ts")).cleanUpCommand,
};

const interruption = new AbortController();
const inActions = process.env["GITHUB_ACTIONS"] === "true";

const environment: Environment = {
  variables: process.env,
  cwd: process.cwd(),
  out: sink(process.stdout),
  err: sink(process.stderr),
  annotate: inActions ? (text): void => void process.stderr.write(text) : undefined,
  interrupted: interruption.signal,
};

function sink(stream: NodeJS.WriteStream): TextSink {
  return {
    write: (text) => void stream.write(inActions ? withoutCommands(text) : text),
    isTerminal: stream.isTTY && process.env["CI"] === undefined,
    columns: stream.isTTY ? stream.columns : 80,
  };
}

/** The first signal stops what was started; the second ends this process at once (what it started ends with it). */
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(code);
    process.exitCode = code;
    interruption.abort(new Error(`interrupted by ${signal}`));
  });
}

/** An unexpected error is no failed expectation: exit code 2, never 1. What was started ends with this process. */
process.on("uncaughtException", (error) => {
  process.stderr.write(describeError(error, environment.cwd));
  process.exit(2);
});
// The reader of the report may stop reading: the run is archived, and its exit code stays.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

async function main(work: () => Promise<ExitCode>): Promise<void> {
  try {
    const code = await work();
    if (!interruption.signal.aborted) process.exitCode = code;
  } catch (error) {
    if (interruption.signal.aborted) {
      process.stderr.write("\nrowgate: interrupted; unfinished runs were not archived\n");
      return;
    }
    environment.err.write(describeError(error, environment.cwd));
    if (inActions) environment.annotate?.((await import("./report/github.ts")).errorAnnotations(error));
    process.exitCode = 2;
  }
}

function seconds(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 86_400) {
    throw new InvalidArgumentError("a whole number of seconds from 1 to 86400");
  }
  return number;
}

function escalationWish(value: string): EscalationWish {
  if (value === "full" || value === "off") return value;
  const chains = /^([1-9]\d{0,8})-chains$/.exec(value)?.[1];
  if (chains !== undefined) return { chains: Number(chains) };
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 86_400)
    throw new InvalidArgumentError(
      "full, off, a whole number of seconds from 1 to 86400, or a number of chains, as in 1000-chains",
    );
  return { seconds: number };
}

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const program = new Command("rowgate")
  .description(
    "Proves what each kind of user can and cannot do, row by row, in a Postgres database with Row-Level Security.",
  )
  .version(version)
  .showSuggestionAfterError()
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2);
  });

containerOptions(
  embeddedOptions(
    program
      .command("run", { isDefault: false })
      .description("prove matrices and archive the result")
      .argument("[matrix...]", "matrix files; all of matrices/*.yaml when none is named")
      .option(
        "--target <name>",
        "where: embedded, container, supabase (the local stack), or a target of rowgate.yaml",
        "embedded",
      )
      .option(
        "--config <file>",
        "instead of the first rowgate.yaml from here upwards; for supabase, what its status command printed (-: standard input)",
      )
      .option(
        "--override-production-guard",
        "run although the target's address looks like production (recorded in the archive)",
        false,
      )
      .option(
        "--only <glob>",
        "only cells whose <persona>/<schema>.<relation>/<operation> matches (repeatable)",
        list,
      )
      .option("--persona <name>", "only these personas (repeatable, globs)", list)
      .addOption(new Option("--channel <channel>", "only this channel").choices([...channels]))
      .option("--policies <folder>", "the system's numbered SQL, instead of the matrix's own")
      .option("--overlay <file>", "SQL applied after the policies (repeatable)", list)
      .addOption(choice("--gateway <kind>", gatewayKinds, "what speaks PostgREST's protocol (auto)"))
      .addOption(
        new Option(
          "--gateway-tx-end <mode>",
          "PostgREST's db-tx-end, for a gateway that is started (rollback-allow-override)",
        ).choices(["commit", "commit-allow-override", "rollback", "rollback-allow-override"]),
      ),
  ),
)
  .addOption(
    new Option(
      "--proof <how>",
      "all-rows: evaluate the policies for every row there could be; rows-at-hand: for the rows that are there, in less time",
    )
      .choices(["all-rows", "rows-at-hand"])
      .default("all-rows"),
  )
  .addOption(
    new Option(
      "--arguments <how>",
      "varied: call functions with other users' arguments too, undone; declared: only as declared (default: varied, on shared targets declared)",
    ).choices(["varied", "declared"]),
  )
  .option(
    "--escalation <how>",
    "how long to search for what personas could gain by allowed writes and calls: seconds, a number of chains (1000-chains), full, or off (default: half of the time that probing takes, at least 5 s)",
    escalationWish,
  )
  .option("--logs <folder>", "where the archive goes", "logs")
  .option(
    "--report <format=file>",
    `also write a report (repeatable): ${reportFormats.join(", ")}; {matrix} in the file's name is the matrix's`,
    list,
  )
  .option(
    "--fail-on <what>",
    "let notes fail the run: note (all of them) or a kind of finding (repeatable); errors and failures always do",
    list,
  )
  .option("--strict", "let every note that says that something was not proved fail the run", false)
  .option(
    "--require-complete",
    "fail where the matrix leaves out a relation, function, schema or role in reach, and print the YAML that declares it",
    false,
  )
  .option("--quiet", "only what failed, and the last line", false)
  .option("--verbose", "each failing cell by itself, wide grids, every note and input", false)
  .option("--json", "one JSON document on standard output", false)
  .option("--keep", "keep the target running after the report, until Ctrl-C", false)
  .action(async (files: string[], given: GivenRunOptions) => {
    const options: RunOptions = {
      ...(given as RunOptions),
      only: given.only ?? [],
      persona: given.persona ?? [],
      overlay: given.overlay ?? [],
      report: given.report ?? [],
      failOn: [
        ...(given.failOn ?? []),
        ...(given.strict ? unprovedNotes : []),
        ...(given.requireComplete === true ? incompleteNotes : []),
      ],
      channel: given.channel === undefined ? channels : [given.channel],
    };
    await main(async () => (await commands.run())(files, options, environment));
  });

addGateCommand(program, async (work) => main(async () => work(environment)));
addMutateCommand(program, async (work) => main(async () => work(environment)));
addFirstCommands(program, async (work) => main(async () => work(environment)));
addArchiveCommands(program, async (work) => main(async () => work(environment)));

program
  .command("token")
  .description("print a signed token of a persona, for curl (key: ROWGATE_JWT_SECRET or SUPABASE_JWT_SECRET)")
  .argument("<persona>")
  .option("--matrix <file>", "the matrix that names the persona; all of matrices/*.yaml when none is named")
  .option("--lifetime <seconds>", "how long the token is good for", seconds, 300)
  .option("--target <name>", "the target of rowgate.yaml whose key signs")
  .addOption(configOption())
  .action(async (name: string, options: TokenOptions) => {
    await main(async () => (await commands.token())(name, options, environment));
  });

imageOptions(
  program
    .command("doctor")
    .description("check everything that a run needs of a target, and explain what is wrong and what to do")
    .argument(
      "[target]",
      "embedded, container, or a target of rowgate.yaml; its only one, or what the environment names, or embedded when none is named",
    )
    .option(
      "--matrix <file>",
      "a matrix to compare with it (repeatable); for a started target: or all of matrices/*.yaml",
      list,
    )
    .addOption(configOption())
    .option(
      "--override-production-guard",
      "examine it although the target's address looks like production",
      false,
    )
    .addOption(
      choice(
        "--gateway <kind>",
        gatewayKinds,
        "what speaks PostgREST's protocol, for a target that is started (auto)",
      ),
    ),
)
  .option("--json", "one JSON document on standard output", false)
  .action(async (name: string | undefined, given: Partial<DoctorOptions>) => {
    const options: DoctorOptions = { ...(given as DoctorOptions), matrix: given.matrix ?? [] };
    await main(async () => (await commands.doctor())(name, options, environment));
    // It has only read: questions that nobody waits for any more would keep this process for as long as they may take.
    if (interruption.signal.aborted) process.exit();
  });

program
  .command("clean-up")
  .description("remove rows that a killed run has left on a target with `writes: commit`, by its journal")
  .requiredOption("--target <name>", "the target of rowgate.yaml")
  .addOption(configOption())
  .option("--logs <folder>", "where archives and journals are", "logs")
  .option(
    "--run <id>",
    "a run of another host that is over, although its process cannot be asked (repeatable)",
    list,
  )
  .action((given: Omit<CleanUpOptions, "run"> & Partial<CleanUpOptions>) =>
    main(async () => (await commands.cleanUp())({ ...given, run: given.run ?? [] }, environment)),
  );

// A removed command: scripts that still call it learn what to do instead.
program
  .command("gateway", { hidden: true })
  .argument("[args...]")
  .helpOption(false)
  .allowUnknownOption()
  .action(() =>
    main(() => {
      throw new RowgateError({
        code: "usage/removed",
        message: "`rowgate gateway` was removed: rowgate does not download PostgREST any more",
        hint: "download a release from https://github.com/PostgREST/postgrest/releases, then put `postgrest` on PATH or set ROWGATE_POSTGREST_BIN to its path (docs/gateway.md)",
      });
    }),
  );

await program.parseAsync();
