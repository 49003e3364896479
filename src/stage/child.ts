/**
 * Processes that end with the process that started them. The parent writes lines of JSON to the child's stdin: its settings
 * first (argv and environment can be read by others), then requests. The child writes lines of JSON to its stdout. The
 * system closes stdin however the parent ends, by SIGKILL too; the child then removes what it started, and ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { Socket } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { messageOf, RowgateError, type RowgateErrorFacts } from "../model/errors.ts";

interface ChildProgram {
  /** Compiled file, below `dist/stage/`. */
  readonly file: string;
  /** Begins the codes of its errors: `<area>/process-ended`. */
  readonly area: "embedded" | "gateway" | "container";
  /** Subject of its error messages. */
  readonly what: string;
  /** Names of environment variables that it gets. The caller's secrets stay with the caller. */
  readonly environment: RegExp;
  /** Milliseconds to the first answer and to each later one; without it, the program limits itself. */
  readonly answerMs?: number;
  /** Milliseconds from the end of its stdin to SIGKILL. */
  readonly stopMs: number;
}

/** A line from child to parent. */
export type Line<Ready = unknown, Notice = unknown> =
  | { readonly ready: Ready }
  | { readonly notice: Notice }
  | { readonly id: number; readonly value: unknown }
  /** With an id: of that request; without: of the start. */
  | { readonly id?: number; readonly error: RowgateErrorFacts };

interface ChildExit {
  /** `null`: a signal ended it. */
  readonly code: number | null;
  /** The end of what it wrote to stderr. */
  readonly stderr: string;
}

export interface Child<Ready> {
  /** @throws {RowgateError} what the start failed with, `…/process-ended`, `…/process-timeout` */
  readonly ready: Promise<Ready>;
  readonly exited: Promise<ChildExit>;
  /** This process does not end before the answer. @throws {RowgateError} what the child answers, or as `ready` */
  request<Answer>(request: object): Promise<Answer>;
  /** Safe to call twice. @returns `undefined`: it did not end in time and was killed */
  stop(): Promise<ChildExit | undefined>;
}

// The compiled file, also when this one runs from src/ (which lies at the same depth): a child has no TypeScript loader.
const programs = fileURLToPath(new URL("../../dist/stage/", import.meta.url));

/** @throws {RowgateError} `…/not-built` */
export function startChild<Ready, Notice = never>(
  program: ChildProgram,
  settings: object,
  onNotice: (notice: Notice) => void = () => undefined,
): Child<Ready> {
  const child = spawnProgram(program);
  const exited = exitOf(child);
  const answerOf = readAnswers<Ready, Notice>(program, child, exited, onNotice);
  const send = (line: object): void => void child.stdin?.write(`${JSON.stringify(line)}\n`);
  // It may have ended before it has read its settings; its exit says so.
  child.stdin?.on("error", () => undefined);
  const starting = answerOf(0);
  send(settings);
  const ready = starting.then((value) => {
    keepAlive(child, false);
    return value as Ready;
  });
  ready.catch(() => undefined);
  let [requests, waiting] = [0, 0];
  return {
    ready,
    exited,
    request: async <Answer>(request: object) => {
      if ((waiting += 1) === 1) keepAlive(child, true);
      const id = (requests += 1);
      const answered = answerOf(id);
      send({ id, request });
      return answered.finally(() => {
        if ((waiting -= 1) === 0) keepAlive(child, false);
      }) as Promise<Answer>;
    },
    stop: onlyOnce(async () => {
      keepAlive(child, true);
      child.stdin?.end();
      const exit = await Promise.race([exited, wait(program.stopMs, undefined, { ref: false })]);
      if (exit === undefined) child.kill("SIGKILL");
      return exit;
    }),
  };
}

function spawnProgram({ file, area, what, environment }: ChildProgram): ChildProcess {
  const program = path.join(programs, file);
  if (!existsSync(program)) {
    throw new RowgateError({
      code: `${area}/not-built`,
      message: `the program of ${what} is missing: ${program}`,
      hint: "run `npm run build`",
    });
  }
  return spawn(process.execPath, [program], {
    cwd: path.parse(program).root,
    // A separate session: a Ctrl-C on the terminal reaches every process of the terminal's group.
    detached: true,
    windowsHide: true,
    stdio: ["pipe", "pipe", "pipe"],
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => environment.test(name))),
  });
}

/** Answers by the number of their request; 0 is the start. */
function readAnswers<Ready, Notice>(
  { area, what, answerMs }: ChildProgram,
  child: ChildProcess,
  exited: Promise<ChildExit>,
  onNotice: (notice: Notice) => void,
): (id: number) => Promise<unknown> {
  const waiting = new Map<number, (line: Line) => void>();
  createInterface({ input: child.stdout as Readable }).on("line", (text) => {
    const line = JSON.parse(text) as Line<Ready, Notice>;
    if ("notice" in line) onNotice(line.notice);
    else waiting.get(("id" in line ? line.id : undefined) ?? 0)?.(line);
  });
  const ended = exited.then(({ stderr }) => ({
    error: { code: `${area}/process-ended`, message: `the process of ${what} ended`, details: stderr },
  }));
  const late = {
    error: {
      code: `${area}/process-timeout`,
      message: `the process of ${what} did not answer within ${(answerMs ?? 0) / 1000} seconds`,
    },
  };
  return async (id) => {
    const answers: Promise<Line>[] = [new Promise((resolve) => waiting.set(id, resolve)), ended];
    if (answerMs !== undefined) answers.push(wait(answerMs, late, { ref: false }));
    const line = await Promise.race(answers);
    waiting.delete(id);
    if ("error" in line) throw new RowgateError(line.error);
    return "ready" in line ? line.ready : "value" in line ? line.value : undefined;
  };
}

/** A child that is not stopped must not keep this process from ending. */
function keepAlive(child: ChildProcess, isNeeded: boolean): void {
  const how = isNeeded ? "ref" : "unref";
  child[how]();
  for (const pipe of child.stdio) if (pipe instanceof Socket) pipe[how]();
}

/** The end of a process of any kind, and of what it wrote to stderr. */
export async function exitOf(child: ChildProcess): Promise<ChildExit> {
  const tail = stderrTail(child);
  return new Promise((resolve) => {
    child.once("close", (code) => resolve({ code, stderr: tail() }));
    child.once("error", (error) => resolve({ code: null, stderr: error.message }));
  });
}

/** The last 4,000 characters of what a process has written to stderr so far. */
export function stderrTail(child: ChildProcess): () => string {
  let tail = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (tail = `${tail}${text}`.slice(-4000)));
  return () => tail;
}

function onlyOnce<T>(action: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | undefined;
  return () => (done ??= action());
}

/** The child's side of the connection. */
export interface Parent<Notice = never> {
  /** Aborted when the parent has ended or wants this process to end. */
  readonly gone: AbortSignal;
  /** Ends this process as if the parent had ended. */
  end(): void;
  notify(notice: Notice): void;
}

interface ChildWork<Settings, Ready, Request = never, Notice = never> {
  start(settings: Settings, parent: Parent<Notice>): Promise<Ready>;
  answer?(request: Request): Promise<unknown>;
  /** Ends and removes what was started, also what was only half started. */
  close(): Promise<void>;
}

/**
 * Runs a child program until its parent ends, then ends this process: with exit code 0, or 1 when something is left behind.
 * @param otherwise the code of an error that has none
 */
export async function serveParent<Settings, Ready, Request, Notice>(
  work: ChildWork<Settings, Ready, Request, Notice>,
  otherwise: Pick<RowgateErrorFacts, "code" | "message">,
): Promise<never> {
  const ending = new AbortController();
  const gone = once(ending.signal, "abort");
  const end = (): void => ending.abort();
  const fail = (error: unknown): void => {
    if (!ending.signal.aborted) write({ error: errorFacts(error, otherwise) });
    end();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
  process.on("uncaughtException", fail);
  // The parent reads no more: the closed stdin says the same.
  process.stdout.on("error", end);
  const lines = createInterface({ input: process.stdin });
  lines.once("close", end);
  lines.once("line", (first) => {
    lines.on("line", (line) => void answerRequest(work, JSON.parse(line) as Asked<Request>, otherwise));
    const parent = { gone: ending.signal, end, notify: (notice: Notice) => write({ notice }) };
    work.start(JSON.parse(first) as Settings, parent).then((ready) => write({ ready }), fail);
  });
  await gone;
  await work.close().catch((error: unknown) => {
    process.stderr.write(messageOf(error));
    process.exitCode = 1;
  });
  process.exit();
}

interface Asked<Request> {
  readonly id: number;
  readonly request: Request;
}

async function answerRequest<Request>(
  work: Pick<ChildWork<never, never, Request>, "answer">,
  { id, request }: Asked<Request>,
  otherwise: Pick<RowgateErrorFacts, "code" | "message">,
): Promise<void> {
  try {
    write({ id, value: await work.answer?.(request) });
  } catch (error) {
    write({ id, error: errorFacts(error, otherwise) });
  }
}

function write(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** An error as JSON carries it. */
function errorFacts(
  error: unknown,
  otherwise: Pick<RowgateErrorFacts, "code" | "message">,
): RowgateErrorFacts {
  if (error instanceof RowgateError) {
    const { code, message, details, hint } = error;
    return { code, message, details, hint };
  }
  return { ...otherwise, details: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
