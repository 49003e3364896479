import { isCode } from "../model/answers.ts";
import type { Opener } from "./analyse/openers.ts";
import { evaluationSql, type Row } from "./ask/evaluate.ts";
import { isError, privileged, type Step, type StepAnswer } from "./ask/step.ts";
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

export async function tried(context: Context, proved: Proved, tries: readonly Try[]): Promise<Tried> {
  const outcomes = await Promise.all(tries.map((one) => outcomeOf(context, proved, one)));
  const opened = tries.find((_, index) => outcomes[index] === "opened");
  const refusals = outcomes.flatMap((one) => (typeof one === "object" ? [one] : []));
  const [first] = refusals.filter(({ code }) => !isCode(code, "foreignKey")).concat(refusals);
  return {
    opened,
    met: outcomes.includes("met"),
    refused: refusals.length === outcomes.length ? first : undefined,
  };
}

/** `closed`: the rows are there, and the policies let nothing more through. */
async function outcomeOf(
  context: Context,
  { policy, declared }: Proved,
  one: Try,
): Promise<"opened" | "met" | "closed" | Refusal> {
  const { as, full, session, space } = context;
  const put = one.rows.map(({ sql }): Step => ({ as: one.own ? as : privileged, sql, rows: false }));
  const rows = one.asReplica ? [actAs("replica"), ...put, actAs("origin")] : put;
  const place: readonly Step[] =
    one.place === undefined ? [] : [{ as: privileged, sql: one.place, rows: false }];
  const first = one.rows.some(({ relation }) => isBefore(space.relation, relation))
    ? [...place, ...rows]
    : [...rows, ...place];
  const questions = [
    { as, condition: policy },
    { as: full, condition: declared },
  ].map(({ as: who, condition: { alias, text } }): Step => {
    const asked = { as: who, relation: space.relation, alias, texts: [text] };
    return { as: who, sql: evaluationSql(asked, [{ row: one.row }]), rows: true, stored: true };
  });
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
  const [reached, allowed] = answers.slice(first.length);
  if (truthOf(reached) !== "T") return "closed";
  return ["F", "N"].includes(truthOf(allowed) ?? "") ? "opened" : "met";
}

function isUntouched(answer: StepAnswer | undefined): boolean {
  return answer !== undefined && "touched" in answer && answer.touched === 0;
}

function truthOf(answer: StepAnswer | undefined): string | null {
  return answer !== undefined && "value" in answer ? answer.value : null;
}
