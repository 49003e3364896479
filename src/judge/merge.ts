import { isStoppedAfterPolicy } from "../model/answers.ts";
import type { Channel } from "../model/cell.ts";
import type { Expectation } from "../model/matrix.ts";
import type { InsertObservation, Observation } from "../model/observation.ts";
import type { Judgement, Verdict } from "../model/verdict.ts";
import { verdicts } from "../model/verdict.ts";

/** What a channel saw and what was made of it. */
export interface Judged {
  readonly judgement: Judgement;
  readonly observation: Observation;
}

/** Verdicts that rest on rows that were really visible or affected, or not. */
const conclusive: ReadonlySet<Verdict> = new Set(["pass", "leak", "lockout"]);

export function worst(of: readonly Verdict[]): Verdict {
  return of.reduce((a, b) => (verdicts.indexOf(b) > verdicts.indexOf(a) ? b : a), "pass");
}

/** The cell's verdict: the worst of its channels, or `diverged` where they permit different rows. */
export function mergeVerdicts(
  expectation: Expectation,
  judged: Readonly<Partial<Record<Channel, Judged>>>,
): Verdict {
  const all = Object.values(judged);
  if (all.length === 0) return "skipped";
  const verdict = worst(all.map(({ judgement }) => judgement.verdict));
  const { direct, rest } = judged;
  if (direct === undefined || rest === undefined || verdict === "leak") return verdict;
  const comparable = [direct, rest].every(({ judgement }) => conclusive.has(judgement.verdict));
  return comparable && !permitSame(expectation, direct, rest) ? "diverged" : verdict;
}

function permitSame(expectation: Expectation, one: Judged, other: Judged): boolean {
  const [a, b] = [one.observation, other.observation];
  if (a.kind === "insert" && b.kind === "insert") return letIn(a) === letIn(b);
  if (a.kind !== "rows" || b.kind !== "rows") return one.judgement.verdict === other.judgement.verdict;
  // Where rows are bounded from above only, and where only some of them were tried, numbers need not agree.
  if (expectation.kind === "within") return a.unexpected === b.unexpected;
  if ([a.method, b.method].some((method) => method === "sample" || method === "scratch rows"))
    return one.judgement.verdict === other.judgement.verdict;
  return a.affected === b.affected && a.unexpected === b.unexpected && a.missing === b.missing;
}

/** Which candidates the policy let in, whatever a constraint said afterwards. */
function letIn({ attempts }: InsertObservation): string {
  return JSON.stringify(
    attempts.map(({ answer }) => answer.code === null || isStoppedAfterPolicy(answer, "insert")),
  );
}
