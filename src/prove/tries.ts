import { isCode } from "../model/answers.ts";
import { perObject } from "../lib/recent.ts";
import type { Opener } from "./analyse/openers.ts";
import type { Condition } from "./analyse/policy.ts";
import { evaluationSql, type Row } from "./ask/evaluate.ts";
import { type ActingAs, isError, privileged, type Step, type StepAnswer } from "./ask/step.ts";
import type { Context } from "./context.ts";
import type { OtherRow } from "./made-rows.ts";
import { actAs } from "./show/place.ts";
import { isBefore } from "./tied-values.ts";
import type { Proved } from "./variants.ts";

/** One way, with the rows that are there for it. */
export interface Try {
  readonly opener: Opener;
  readonly rows: readonly OtherRow[];
  /** The row that the policy is asked about, and what makes it be there; `undefined`: it is. */
  readonly row: Row;
  readonly place: string | undefined;
  /** The persona puts the rows in itself. */
  readonly own: boolean;
  /** Triggers and foreign keys are off. */
  readonly asReplica: boolean;
}

export interface Refusal {
  readonly code: string;
  readonly message: string;
}

interface Tried {
  /** The policies let a row through that the matrix does not. */
  readonly opened: Try | undefined;
  /** The way is open, to the matrix as well. */
  readonly met: boolean;
  /** Why no row could be put in; `undefined`: one could. */
  readonly refused: Refusal | undefined;
}

/** What is asked first; the other is asked only where that leaves it open whether the try opens anything. */
type First = "policy" | "declared";

/** @param asked `declared`: whether a way is open to the matrix as well is not told */
export async function tried(
  context: Context,
  proved: Proved,
  tries: readonly Try[],
  asked: First = "policy",
): Promise<Tried> {
  const questionsOf = perObject((row: Row) => questionsAbout(row, context, proved, asked));
  const outcomes = await Promise.all(
    tries.map((one) => outcomeOf(context, one, questionsOf(one.row), asked)),
  );
  const opened = tries.find((_, index) => outcomes[index] === "opened");
  const refusals = outcomes.flatMap((one) => (typeof one === "object" ? [one] : []));
  const [first] = refusals.filter(({ code }) => !isCode(code, "foreignKey")).concat(refusals);
  return {
    opened,
    met: outcomes.includes("met"),
    refused: refusals.length === outcomes.length ? first : undefined,
  };
}

/** What is asked of a row: first, and only where it is answered so, the other. */
interface Questions {
  readonly first: Step;
  readonly second: Step;
  readonly truths: string;
}

/** Many tries are about the same row. */
function questionsAbout(
  row: Row,
  { as, full, space: { relation } }: Context,
  { policy, declared }: Proved,
  asked: First,
): Questions {
  const questionOf = (who: ActingAs, { alias, text }: Condition): Step => {
    const sql = evaluationSql({ as: who, relation, alias, texts: [text] }, [{ row }]);
    return { as: who, sql, rows: true, stored: true };
  };
  const [ofPolicy, ofDeclared] = [questionOf(as, policy), questionOf(full, declared)];
  return asked === "policy"
    ? { first: ofPolicy, second: ofDeclared, truths: "T" }
    : { first: ofDeclared, second: ofPolicy, truths: "FN" };
}

/** `closed`: the rows are there, and the policies let nothing more through. */
async function outcomeOf(
  { as, session, space }: Context,
  one: Try,
  { first: question, second, truths }: Questions,
  asked: First,
): Promise<"opened" | "met" | "closed" | Refusal> {
  const put = one.rows.map(({ sql }): Step => ({ as: one.own ? as : privileged, sql, rows: false }));
  const rows = one.asReplica ? [actAs("replica"), ...put, actAs("origin")] : put;
  const place: readonly Step[] =
    one.place === undefined ? [] : [{ as: privileged, sql: one.place, rows: false }];
  const first = one.rows.some(({ relation }) => isBefore(space.relation, relation))
    ? [...place, ...rows]
    : [...rows, ...place];
  const questions = [question, { ...second, onlyIf: { place: first.length, truths } }];
  const answers = await session.askAbout(first, questions);
  const failed = first.findIndex((step, index) => step.goOn !== true && isError(answers[index]));
  const answer = answers[failed];
  if (isError(answer)) {
    // Such a row is there already; or it cannot be of that type, which is not known of a function that cannot be read.
    const is = !put.includes(first[failed] as Step) || isCode(answer.code, "unique");
    return is || (one.opener.guess && isCode(answer.code, "data")) ? "closed" : answer;
  }
  const kept = first.findIndex((step, index) => put.includes(step) && isUntouched(answers[index]));
  if (kept >= 0 && one.rows.every(({ changes }) => !changes))
    return { code: "0 rows", message: "a trigger or a rule kept the row from being stored" };
  const told = answers.slice(first.length);
  const [reached, allowed] = asked === "policy" ? told : told.toReversed();
  if (truthOf(reached) !== "T") return "closed";
  return ["F", "N"].includes(truthOf(allowed) ?? "") ? "opened" : "met";
}

function isUntouched(answer: StepAnswer | undefined): boolean {
  return answer !== undefined && "touched" in answer && answer.touched === 0;
}

function truthOf(answer: StepAnswer | undefined): string | null {
  return answer !== undefined && "value" in answer ? answer.value : null;
}
