/** Where a thing was written: `line` and `column` count from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface RowgateErrorFacts {
  /** Stable name for programs, e.g. `matrix/unknown-persona`. */
  readonly code: string;
  /** What happened, one sentence. */
  readonly message: string;
  readonly at?: SourcePosition | undefined;
  /** More facts, when one sentence is not enough. */
  readonly details?: string | undefined;
  /** What to do about it. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** An error that a person can act on: the harness could not do its job (exit code 2). */
export class RowgateError extends Error {
  readonly code: string;
  readonly at: SourcePosition | undefined;
  readonly details: string | undefined;
  readonly hint: string | undefined;

  constructor(facts: RowgateErrorFacts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "RowgateError";
    this.code = facts.code;
    this.at = facts.at;
    this.details = facts.details;
    this.hint = facts.hint;
  }
}

/** One lie of a matrix, or one mistake of a file: all of them are reported in one go. */
export interface Issue {
  readonly code: string;
  readonly message: string;
  readonly at: SourcePosition;
  readonly hint?: string | undefined;
}

/** Many mistakes at once: `issues` is never empty. */
export class IssuesError extends RowgateError {
  readonly issues: readonly Issue[];

  /** @param hint what to do about all of them */
  constructor(code: string, message: string, issues: readonly Issue[], hint?: string) {
    super({ code, message, at: issues[0]?.at, hint });
    this.name = "IssuesError";
    this.issues = issues;
  }
}

/** By file, line and column: as a person goes through them. */
export function byPosition({ at: a }: Issue, { at: b }: Issue): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

/** `file:line:column`, as editors and terminals open it. */
export function formatPosition(at: SourcePosition): string {
  return `${at.file}:${at.line}:${at.column}`;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
