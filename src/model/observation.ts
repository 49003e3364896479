import type { BoundCandidate } from "./cell.ts";

/**
 * What a server said to one statement or one request: facts only.
 * Field meanings: https://www.postgresql.org/docs/current/plpgsql-control-structures.html#PLPGSQL-EXCEPTION-DIAGNOSTICS
 */
export interface Answer {
  /** SQLSTATE or PGRST code; `null` when there was no error. */
  readonly code: string | null;
  /** For people only: nothing is ever decided by it. */
  readonly message?: string | undefined;
  /** Rows returned or affected, when the answer says so. */
  readonly rows?: number | undefined;
  /** Class 23: the constraint, and the `schema.table` that Postgres names with it. */
  readonly constraint?: { readonly name: string; readonly table: string | null } | undefined;
  /** Class 23: a domain's name is set when the domain, not the table, refused. */
  readonly dataType?: string | undefined;
  /** True when the error came from inside a function or trigger (CONTEXT has a frame that is not the probe's own). */
  readonly foreignFrame?: boolean | undefined;
  /** It came from the target's own pre-request function: the probe itself was not run. */
  readonly beforeProbe?: boolean | undefined;
  /** The server's C routine that raised a 42501 (`ExecWithCheckOptions`, `aclcheck_error`), where it was asked for. */
  readonly routine?: string | undefined;
  /** It refused a 42501 before any row was read, whatever rows there are: EXPLAIN of the statement is refused alike. */
  readonly beforeRows?: true | undefined;
  /** rest: what the answer's envelope said. */
  readonly http?: HttpFacts | undefined;
}

export interface HttpFacts {
  readonly status: number;
  readonly contentRange: string | null;
  readonly preferenceApplied: string | null;
}

/** Why there is no answer of the server at all. */
export type Failure =
  | { readonly kind: "connection"; readonly message: string }
  | { readonly kind: "timeout"; readonly message: string }
  | { readonly kind: "not-sent"; readonly message: string }
  | { readonly kind: "protocol"; readonly message: string };

/** What the privileged connection (BYPASSRLS) sees of the same rows in the same snapshot: the ground truth. */
export interface Baseline {
  /** Rows that exist. */
  readonly total: number;
  /** Rows that the expectation declares: 0 for deny, `total` for allow. */
  readonly declared: number;
}

/** Rows that the persona read or changed, against those that the expectation declares. */
export interface RowCounts {
  /** Visible or changed. */
  readonly affected: number;
  /** Visible or changed, though not declared. */
  readonly unexpected: number;
  /** Declared, but neither visible nor changed. */
  readonly missing: number;
  /** Rows about which the probe could not tell (a trigger raised, a value did not fit…). */
  readonly undetermined: number;
}

/** Rows that SELECT, UPDATE, DELETE, their blind forms, or upsert showed or changed. */
export interface RowsObservation extends RowCounts {
  readonly kind: "rows";
  /** The answer to the statement that decided; with `rowByRow` the last refusal, if any. */
  readonly answer: Answer;
  readonly baseline: Baseline;
  /** Up to three keys each, as JSON text. */
  readonly unexpectedKeys: readonly string[];
  readonly missingKeys: readonly string[];
  /**
   * How it was measured: one statement over all rows, row by row, over a sample of rows, or over rows that the run has made
   * (`baseline` counts those then).
   */
  readonly method: "whole" | "row by row" | "sample" | "scratch rows";
  /** Some of the rows were asked about by themselves, and policies refused them by an error that the matrix declares (`raises:`). */
  readonly refusedByRaise?: true | undefined;
  /** 0 rows were affected and a BEFORE trigger or a rule could be the reason. */
  readonly mayBeHidden: boolean;
  /** Forbidden updates (`never:`) that were tried on rows in reach, and what came of them. */
  readonly forbiddenUpdates: readonly CandidateAttempt[];
  /** Other session states in which an identity-less persona was probed too. */
  readonly states: readonly StateObservation[];
  readonly untestedStates?: readonly UntestedState[] | undefined;
}

/** The same SELECT in another state of the session (a setting never set, or set and rolled back). */
export interface StateObservation {
  readonly state: "never set" | "reset";
  readonly answer: Answer;
  readonly affected: number;
  /** Visible or changed, though not declared. */
  readonly unexpected?: number | undefined;
}

/** A state of the session in which the persona was to be asked too, and no answer came: nothing is known of it. */
export interface UntestedState {
  readonly state: StateObservation["state"];
  readonly failure: Failure;
}

export interface CandidateAttempt {
  readonly candidate: Pick<BoundCandidate, "name" | "origin">;
  readonly answer: Answer;
  /** Accepted, but the row as stored is not the row as sent (columns that differ). */
  readonly rewritten: readonly string[];
  /** Accepted, but a trigger or a rule may have rewritten the row, and the channel could not see it. */
  readonly unseen?: boolean | undefined;
  /** A forbidden update: codes of the errors that functions raised, one at each of the rows that were tried. */
  readonly raised?: readonly string[] | undefined;
  /** A forbidden update: it was accepted, and every row holds what it held before (a trigger has put it back). */
  readonly putBack?: true | undefined;
  /** It was let in in another state of the session only. */
  readonly state?: StateObservation["state"] | undefined;
}

/** How an INSERT went, candidate by candidate. */
export interface InsertObservation {
  readonly kind: "insert";
  readonly attempts: readonly CandidateAttempt[];
  readonly untestedStates?: readonly UntestedState[] | undefined;
}

/** The result of a call for which no rows are declared. */
export interface CallObservation {
  readonly kind: "call";
  readonly answer: Answer;
  /** Other session states in which an identity-less persona called too. */
  readonly states: readonly CallState[];
  readonly untestedStates?: readonly UntestedState[] | undefined;
  /** With a refusal by the function's own body: a call that is declared to be allowed, and its result. */
  readonly positiveControl: PositiveControl | undefined;
}

export interface CallState {
  readonly state: StateObservation["state"];
  readonly answer: Answer;
}

export interface PositiveControl {
  readonly persona: string;
  /** Where the function has several. */
  readonly call: string | undefined;
  readonly answer: Answer;
}

/** A column that another one decides: by a trigger, or because it is generated. */
export interface AssignedThrough {
  readonly by: string;
  /** The column whose value decided, and the statement; absent: it was not seen to. */
  readonly column?: string | undefined;
  readonly sql?: string | undefined;
  /** The value that was sent for that column, and stored in this one. */
  readonly value?: string | undefined;
}

/** Values that were sent for one column, in rows that the persona may update or insert. */
export interface AssignmentObservation {
  readonly kind: "assignment";
  readonly operation: "insert" | "update";
  /** False: the role holds no privilege to write the column. */
  readonly privilege?: boolean | undefined;
  /** Rows, or candidates, in which it was tried; statements that were sent. */
  readonly rows: number;
  readonly tried: number;
  /** Values that were stored, a few of them. */
  readonly stored: readonly string[];
  /** SQLSTATEs of the others. */
  readonly refusals: readonly string[];
  /** A statement went through and the value was not stored: a trigger has put the old one back. */
  readonly putBack: boolean;
  /** Of a fixed column: what puts into it what depends on another column that the persona sends. */
  readonly through?: AssignedThrough | undefined;
  /** One that stored a value; else one that was tried. */
  readonly sql: string | undefined;
}

/** A statement that has no rows to measure: TRUNCATE. */
export interface StatementObservation {
  readonly kind: "statement";
  readonly answer: Answer;
}

/** The probe did not come to an answer. */
export interface FailedObservation {
  readonly kind: "failed";
  readonly failure: Failure;
}

/** The posture or the target forbids the probe; it was not sent. */
export interface SkippedObservation {
  readonly kind: "skipped";
  readonly reason: string;
}

export type Observation =
  | RowsObservation
  | InsertObservation
  | CallObservation
  | AssignmentObservation
  | StatementObservation
  | FailedObservation
  | SkippedObservation;
