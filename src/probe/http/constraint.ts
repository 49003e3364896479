import { ruleFor } from "../../model/answers.ts";
import type { Cell } from "../../model/cell.ts";
import type { Answer } from "../../model/observation.ts";
import { formatQualified } from "../../lib/sql-text.ts";

type WriteEvent = "insert" | "update" | "delete";

/**
 * Completes a constraint's answer. PostgREST passes on neither the constraint's table nor the frames of the error, and a
 * message is nothing to decide by; so the catalogue must rule out whatever could raise such a code before the policy is
 * asked: a BEFORE or INSTEAD OF trigger, a rule, partition routing, a foreign server, a domain among the written
 * columns. What is left are the table's own constraints, which Postgres checks after the policies.
 */
export function withConstraint(
  answer: Answer,
  cell: Cell,
  events: readonly WriteEvent[],
  written: readonly string[],
): Answer {
  if (ruleFor(answer)?.afterPolicy !== true) return answer;
  const { base } = cell.relation;
  const foreignFrame = base === undefined || couldRaiseFirst(cell, events, written);
  return {
    ...answer,
    constraint: { name: "", table: base === undefined ? null : formatQualified(base) },
    foreignFrame,
  };
}

function couldRaiseFirst(
  { relation }: Cell,
  events: readonly WriteEvent[],
  written: readonly string[],
): boolean {
  return [relation.info, relation.base ?? relation.info].some(
    ({ kind, rules, triggers, columns }) =>
      kind === "partitioned" ||
      kind === "foreign" ||
      rules.length > 0 ||
      triggers.some(
        (trigger) =>
          trigger.enabled &&
          trigger.timing !== "after" &&
          trigger.events.some((event) => events.includes(event as WriteEvent)),
      ) ||
      columns.some(({ name, domain }) => domain && written.includes(name)),
  );
}
