/**
 * What a SQLSTATE or PGRST code can mean for a probe. Longest match wins: a code before its class.
 * Sources: https://www.postgresql.org/docs/current/errcodes-appendix.html,
 * https://docs.postgrest.org/en/stable/references/errors.html
 */
export type CodeMeaning =
  /** A privilege or a policy said no. */
  | "refused"
  /** A constraint said no, after the policy had let the row through (if it is the table's own). */
  | "constraint"
  /** The relation cannot take such a statement, whoever asks. */
  | "impossible"
  /** The token was not accepted. */
  | "credentials"
  /** The probe did not get as far as the policy: it says nothing about it. */
  | "unreached"
  /** Something is broken: neither denied nor allowed. */
  | "broken";

const table: Readonly<Record<string, CodeMeaning>> = {
  "42501": "refused",
  "23": "constraint",
  "0A000": "impossible",
  "42809": "impossible",
  "55000": "impossible",
  PGRST300: "credentials",
  PGRST301: "credentials",
  PGRST302: "credentials",
  PGRST303: "credentials",
  "22023": "credentials",
  // A trigger's own RAISE, safeupdate, serialization, deadlock, lock and statement timeouts, ON CONFLICT twice over a row.
  P0001: "unreached",
  P0004: "unreached",
  "21000": "unreached",
  "40001": "unreached",
  "40P01": "unreached",
  "55P03": "unreached",
  "57014": "unreached",
  "27000": "unreached",
  "44000": "refused",
};

/** Type errors stop a write before its policy is asked; a read has no value to be wrong, so its policy is. */
const unreachedWrites: readonly string[] = ["22", "P0", "38", "39"];

export function meaningOf(code: string, reads: boolean): CodeMeaning {
  const known = table[code] ?? table[code.slice(0, 2)];
  if (known !== undefined) return reads && code === "P0001" ? "broken" : known;
  if (!reads && unreachedWrites.includes(code.slice(0, 2))) return "unreached";
  return "broken";
}

/** What to call a constraint that has no name here: PostgREST passes none on, Postgres before 18 none of a NOT NULL. */
export function unnamedConstraint(code: string): string {
  return constraintTypes[code] ?? code;
}

const constraintTypes: Readonly<Record<string, string>> = {
  "23502": "NOT NULL",
  "23503": "FOREIGN KEY",
  "23505": "UNIQUE",
  "23514": "CHECK",
  "23P01": "EXCLUDE",
};
