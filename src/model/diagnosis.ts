/** What `rowgate doctor` looks at, in the order in which a person mends things: what stands below comes first. */
export const checkNames = [
  "login",
  "encryption",
  "server",
  "sessions",
  "full sight",
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
  "one database",
  "rollback",
  "users",
  "matrix",
] as const;
export type CheckName = (typeof checkNames)[number];

/**
 * `unclear`: it could not be told, which is never shown as well. `not-asked`: there is nothing to ask for, or the posture
 * forbids the question.
 */
export type CheckStatus = "well" | "wrong" | "unclear" | "not-asked";

/** What came of one check. A check that found several things wrong is several of these. */
export interface Diagnosis {
  readonly check: CheckName;
  readonly status: CheckStatus;
  /** Stable name for programs; only where something is wrong or unclear. */
  readonly problem?: string | undefined;
  /** One sentence. */
  readonly sentence: string;
  /** What to do about it. */
  readonly hint?: string | undefined;
  /** Where there is a list: a mistake of a matrix a line. */
  readonly details?: readonly string[] | undefined;
  /** What is well, and yet good to know. */
  readonly notes?: readonly string[] | undefined;
}
