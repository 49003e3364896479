import { perObject } from "../lib/recent.ts";
import { quoteLiteral } from "../lib/sql-text.ts";
import {
  type Actor,
  type Answer as Told,
  bindQuestion,
  type Bound,
  type Question,
} from "./analyse/question.ts";
import { questionsOf, type Relaxed, type Values, valuesOf } from "./analyse/truth.ts";
import { type Answering, answering } from "./ask/represent.ts";
import type { Space } from "./ask/product.ts";
import { type Asking } from "./ask/session.ts";
import { type ActingAs, isError } from "./ask/step.ts";
import type { Knowledge } from "./knowledge.ts";

/** One persona before one relation. */
export interface Context {
  readonly knowledge: Knowledge;
  readonly session: Asking;
  readonly space: Space;
  readonly as: ActingAs;
  /** Values of claims and settings that are the persona's own. */
  readonly identities: readonly string[];
  /** The same of all personas. */
  readonly everybody: readonly string[];
  /** The same role and claims with other identities in them; `undefined`: nothing names the persona. */
  readonly stranger: ActingAs | undefined;
  readonly answer: Answering;
  /** SQLSTATEs with which policies of the relation refuse a row, as the matrix declares. */
  readonly raises: readonly string[];
  /** Who evaluates what is declared: the privileged connection, in a time zone for instance. */
  readonly full: ActingAs;
  /** Claims that some persona holds. */
  readonly heldClaims: ReadonlySet<string>;
  /** All personas, as their sessions are. */
  readonly personas: readonly ActingAs[];
}

/** An actor of the analysis, for a persona: an owner keeps the caller's settings, under its function's own. */
export function actingFor(as: ActingAs, { role, settings }: Actor): ActingAs {
  if (role === undefined && settings.length === 0) return as;
  const known = owners.get(as) ?? new Map<string, ActingAs>();
  owners.set(as, known);
  const key = JSON.stringify([role, settings]);
  const acting = known.get(key) ?? ownerFor(as, role, settings);
  known.set(key, acting);
  return acting;
}

/** The same one for each question: what is known of it is known by that. */
const owners = new WeakMap<ActingAs, Map<string, ActingAs>>();

function ownerFor(as: ActingAs, role: Actor["role"], settings: Actor["settings"]): ActingAs {
  const own = settings.map((one): readonly [string, string] => {
    const at = one.indexOf("=");
    return [one.slice(0, at), one.slice(at + 1).replace(/^""$/, "")];
  });
  return { role: role ?? as.role, settings: [...as.settings, ...own] };
}

/** The same one each time: it knows what it has asked. */
export function personaAnswers(session: Asking, as: ActingAs): Answering {
  return answersOf(session)(as);
}

const answersOf = perObject((session: Asking) =>
  perObject((as: ActingAs) => answering(session, ({ actor }) => actingFor(as, actor))),
);

/** Which truth values a relaxed expression can have for a persona. */
export async function relaxedValues(
  tree: Relaxed,
  { session, as }: Pick<Context, "session" | "as">,
): Promise<Values> {
  const answers = new Map<Question, Told>();
  await Promise.all(
    questionsOf(tree).map(async (question) => {
      answers.set(question, await told(question, session, as));
    }),
  );
  return valuesOf(tree, (question) => answers.get(question) ?? { code: "RGACT", message: "not asked" });
}

async function told(question: Question, session: Asking, as: ActingAs): Promise<Told> {
  const values = new Map<string, string | null>();
  for (const one of question.bound) {
    const value = await told(one, session, as);
    if (!("rows" in value)) return value;
    values.set(one.name, value.rows[0] ?? null);
  }
  const sql = bindQuestion(question, ({ name }: Bound) => values.get(name) ?? null, quoteLiteral);
  const answer = await session.ask(
    actingFor(as, question.actor),
    `select coalesce(pg_catalog.json_agg(x.v), '[]')::text from (${sql}) as x(v)`,
  );
  if (isError(answer)) return answer;
  return {
    rows: "value" in answer && answer.value !== null ? (JSON.parse(answer.value) as (string | null)[]) : [],
  };
}
