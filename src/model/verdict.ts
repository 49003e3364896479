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

/** One channel's verdict of a cell. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly effect: Effect;
  /** What stopped the persona, when it was stopped and the reason is known. */
  readonly deniedBy: DenyReason | undefined;
  /** One sentence: why this verdict. */
  readonly because: string;
}
