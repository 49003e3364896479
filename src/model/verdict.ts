import type { Effect } from "./effect.ts";
import type { DenyReason } from "./matrix.ts";

/** Best first; the worst of a cell's channels is the cell's. */
export const verdicts = [
  "pass",
  "skipped",
  "inconclusive",
  "vacuous",
  "lockout",
  "error",
  "diverged",
  "leak",
] as const;
export type Verdict = (typeof verdicts)[number];

/** What a verdict counts as: the exit code and the totals follow from this table alone. */
export const verdictInfo: Record<
  Verdict,
  { readonly counts: "ok" | "skip" | "failure" | "error"; readonly waivable: boolean; readonly means: string }
> = {
  pass: { counts: "ok", waivable: false, means: "the effect is what was declared, and something proved it" },
  skipped: { counts: "skip", waivable: false, means: "the posture forbids the probe" },
  inconclusive: { counts: "failure", waivable: true, means: "the probe could not reach the policy" },
  vacuous: { counts: "failure", waivable: true, means: "nothing was there that could have proved the cell" },
  lockout: { counts: "failure", waivable: true, means: "less was allowed than declared" },
  diverged: { counts: "failure", waivable: true, means: "the two channels permit different rows" },
  leak: { counts: "failure", waivable: true, means: "more was allowed than declared" },
  error: {
    counts: "error",
    waivable: false,
    means: "relation missing, recursion, connection, credentials not honoured",
  },
};

/** What a pass rests on, the strongest first. */
export const evidences = ["privilege", "no-policy", "all-rows", "keys-that-exist", "rows-at-hand"] as const;
export type Evidence = (typeof evidences)[number];

/** How totals and pages name each. */
export const evidenceInfo: Record<Evidence, { readonly short: string; readonly means: string }> = {
  privilege: { short: "by privilege", means: "a privilege decides: no row can change it" },
  "no-policy": { short: "without a policy that permits", means: "no policy permits it to this role" },
  "all-rows": {
    short: "for all rows",
    means: "Postgres evaluated the policy over values that represent every possible row",
  },
  "keys-that-exist": {
    short: "for the keys that exist",
    means: "the same, for every key that the foreign keys let a row hold today",
  },
  "rows-at-hand": {
    short: "for the rows at hand",
    means: "the rows that are there, and the candidates that were tried, showed it",
  },
};

/** One channel's verdict of a cell. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly effect: Effect;
  /** What stopped the persona, when it was stopped and the reason is known. */
  readonly deniedBy: DenyReason | undefined;
  /** One sentence: why this verdict. */
  readonly because: string;
  /** Of a pass: what it rests on. */
  readonly evidence?: Evidence | undefined;
  /** Of a pass for all rows: no more is let through whatever rows other tables hold; absent: with the other tables as they are. */
  readonly anyTables?: true | undefined;
  /** The proof for all rows decided it, and not what the probe observed. */
  readonly fromProof?: true | undefined;
}
