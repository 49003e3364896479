import type { Channel } from "../model/cell.ts";
import type { Observation } from "../model/observation.ts";
import type { Judgement, Judgements, Verdict } from "../model/verdict.ts";
import { verdicts } from "../model/verdict.ts";

/** What a channel saw and what was made of it. */
export interface Judged {
  readonly judgement: Judgement;
  readonly observation: Observation;
}

/** Verdicts that rest on rows that were really reached or not. */
const conclusive: ReadonlySet<Verdict> = new Set(["pass", "leak", "lockout"]);

export function worst(of: readonly Verdict[]): Verdict {
  return of.reduce((a, b) => (verdicts.indexOf(b) > verdicts.indexOf(a) ? b : a), "pass");
}

/** The cell's verdict: the worst of its channels, or `diverged` where they permit different rows. */
export function mergeVerdicts(judged: Readonly<Partial<Record<Channel, Judged>>>): Verdict {
  const all = Object.values(judged);
  if (all.length === 0) return "skipped";
  const verdict = worst(all.map(({ judgement }) => judgement.verdict));
  const { direct, rest } = judged;
  if (direct === undefined || rest === undefined || verdict === "leak") return verdict;
  const comparable = [direct, rest].every(({ judgement }) => conclusive.has(judgement.verdict));
  return comparable && permits(direct) !== permits(rest) ? "diverged" : verdict;
}

/** What a channel permitted, as one text to compare; a sample says nothing about the rows that it left out. */
function permits({ observation, judgement }: Judged): string {
  if (observation.kind === "insert") {
    return JSON.stringify(
      observation.attempts.map(({ answer }) => answer.code === null || answer.code.startsWith("23")),
    );
  }
  if (observation.kind === "reach" && observation.method !== "sample") {
    return JSON.stringify([observation.reached, observation.extra, observation.missing]);
  }
  return judgement.verdict;
}

export type { Judgements };
