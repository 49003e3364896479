/** What `rowgate doctor` checks, in the order in which a person fixes things: later checks depend on earlier ones. */
export const checkNames = [
  "login",
  "encryption",
  "server",
  "sessions",
  "privileges",
  "roles",
  "ownership",
  "safeupdate",
  "gateway",
  "api key",
  "tokens",
  "clock",
  "role switch",
  "schemas",
  "schema cache",
  "same database",
  "rollback",
  "users",
  "matrix",
] as const;
export type CheckName = (typeof checkNames)[number];

/**
 * `unknown`: it could not be checked, which is never shown as ok. `skipped`: there is nothing to check, or the posture forbids
 * it.
 */
export type CheckStatus = "ok" | "failed" | "unknown" | "skipped";

/** The result of one check. A check that found several problems gives several of these. */
export interface Diagnosis {
  readonly check: CheckName;
  readonly status: CheckStatus;
  /** Code of the message, for programs; only where a check failed or is unknown. */
  readonly problem?: string | undefined;
  readonly sentence: string;
  /** What to do about it. */
  readonly hint?: string | undefined;
  /** One line for each mistake of a matrix. */
  readonly details?: readonly string[] | undefined;
  /** Worth knowing although the check is ok. */
  readonly notes?: readonly string[] | undefined;
}
