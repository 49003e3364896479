import { isJsonText } from "../lib/json.ts";
import { perObject } from "../lib/recent.ts";
import { jwtClaims } from "./analyse/claim-values.ts";
import type { Question } from "./analyse/question.ts";
import type { Answering } from "./ask/represent.ts";
import type { ActingAs } from "./ask/step.ts";
import { type Context, personaAnswers } from "./context.ts";

/** Does one of them say more of the persona than its role? A role is nobody's identity: a row that names it is for everybody of it. */
export async function saysWho(
  context: Context,
  questions: readonly (Question | undefined)[],
): Promise<boolean> {
  const values = await Promise.all(questions.map((one) => one && roleValue(context, one)));
  return values.includes(undefined);
}

/** What it says of everybody of the role: with nothing else in the token the answer is the same. `undefined`: it says who asks. */
export function roleValue({ answer, session, as }: Context, question: Question): Promise<string | undefined> {
  const ofRole = personaAnswers(session, ofRoleAlone(as));
  return sameValues(answer)(ofRole)(question);
}

const sameValues = perObject((persona: Answering) =>
  perObject((ofRole: Answering) => perObject((question: Question) => sameValue(question, persona, ofRole))),
);

async function sameValue(
  question: Question,
  persona: Answering,
  ofRole: Answering,
): Promise<string | undefined> {
  const [own, others] = await Promise.all([persona(question), ofRole(question)]);
  const [value = null, ...more] = own ?? [];
  return value !== null && more.length === 0 && others?.length === 1 && others[0] === value
    ? value
    : undefined;
}

function ofRoleAlone(as: ActingAs): ActingAs {
  const known = alone.get(as) ?? {
    role: as.role,
    settings: as.settings.map(([name, value]): readonly [string, string] => [
      name,
      name === jwtClaims ? roleIn(value) : name.endsWith(".role") ? value : "",
    ]),
  };
  alone.set(as, known);
  return known;
}

const alone = new WeakMap<ActingAs, ActingAs>();

function roleIn(claims: string): string {
  const held: unknown = isJsonText(claims) ? JSON.parse(claims) : {};
  return JSON.stringify(
    typeof held === "object" && held !== null && "role" in held ? { role: held.role } : {},
  );
}
