/** The library: what the command line is made of, for programs that prove by themselves. */
export { run } from "./run.ts";
export type { RunEvents, RunOutcome, RunRequest } from "./run.ts";
export { parseMatrix } from "./matrix/parse.ts";
export { newRunId } from "./archive/id.ts";
export { readCells, readRun } from "./archive/read.ts";
export { verifyArchive } from "./archive/verify.ts";
export { startEmbedded } from "./target/embedded/server.ts";
export type { EmbeddedOptions, EmbeddedServer } from "./target/embedded/server.ts";
export { openEmbeddedTarget } from "./target/embedded-target.ts";
export type { EmbeddedTarget, EmbeddedTargetOptions } from "./target/embedded-target.ts";
export { createTerminalReport } from "./report/terminal.ts";
export { IssuesError, RowgateError } from "./model/errors.ts";
export type { Issue, SourcePosition } from "./model/errors.ts";
export type { Matrix } from "./model/matrix.ts";
export type { CellRecord, RunRecord } from "./model/run.ts";
export type { Target } from "./model/target.ts";
export type { Verdict } from "./model/verdict.ts";
