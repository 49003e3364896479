import { connectionCode, connectionFacts, type Peer } from "../../messages/connection.ts";
import { describe, type Facts, type MessageCode, messages } from "../../messages/messages.ts";
import type { CheckName, Diagnosis } from "../../model/diagnosis.ts";
import type { LinkFailure } from "../../model/link-failure.ts";
import type { Posture } from "../../model/target.ts";
import type { Examination, ReachedDatabase, RestFacts, SpeakingGateway } from "../facts.ts";

/** One result of a check; the table of checks adds the check's name. */
export type Answer = Omit<Diagnosis, "check">;

/** A check without anything to check gives no answer. */
export type Check = (of: Examination) => readonly Answer[];

export function ok(sentence: string, notes: readonly string[] = []): readonly Answer[] {
  return [{ status: "ok", sentence, ...(notes.length > 0 && { notes }) }];
}

export function skipped(sentence: string): readonly Answer[] {
  return [{ status: "skipped", sentence }];
}

/** What the message says: that something is wrong, or could not be checked. */
export function problem<Code extends MessageCode>(
  code: Code,
  facts: Facts<Code>,
  details: readonly string[] = [],
): Answer {
  const { sentence, todo } = describe(code, facts);
  return {
    status: messages[code].status ?? "failed",
    problem: code,
    sentence,
    hint: todo,
    ...(details.length > 0 && { details }),
  };
}

export function connectionProblem(peer: Peer, failure: LinkFailure): Answer {
  return problem(connectionCode(failure), connectionFacts(peer, failure));
}

/** Another check has to be ok first. */
export function waitsFor(check: CheckName): readonly Answer[] {
  return [{ status: "unknown", problem: "waits", sentence: `could not be checked: see ${check}` }];
}

/** Problems; or, if there are none, what is ok. */
export function either(problems: readonly Answer[], otherwise: () => readonly Answer[]): readonly Answer[] {
  return problems.length > 0 ? problems : otherwise();
}

export function onDatabase(check: (of: Examination, database: ReachedDatabase) => readonly Answer[]): Check {
  return (of) => (of.database.kind === "unreached" ? waitsFor("login") : check(of, of.database));
}

/** A check of the gateway alone. */
export function onRest(check: (of: Examination, rest: RestFacts) => readonly Answer[]): Check {
  return (of) => (of.target.rest === undefined ? [] : check(of, of.target.rest));
}

/** A check that compares the gateway with the database. */
export function onBoth(
  check: (of: Examination, database: ReachedDatabase, gateway: SpeakingGateway) => readonly Answer[],
): Check {
  return onRest(
    onDatabase((of, database) => {
      const gateway = speaking(of);
      return gateway === undefined ? waitsFor("gateway") : check(of, database, gateway);
    }),
  );
}

/** PostgREST, once it is known that PostgREST answers. */
export function speaking({ gateway }: Examination): SpeakingGateway | undefined {
  return gateway?.kind === "speaking" ? gateway : undefined;
}

/** rowgate started it, on this machine or on the user's container engine. */
export function isStarted(posture: Posture): boolean {
  return posture === "embedded" || posture === "container";
}
