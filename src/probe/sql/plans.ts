import type { PolicyInfo } from "../../model/catalog.ts";
import type { Cell, PlannedRelation } from "../../model/cell.ts";
import { isFor, operationInfo } from "../../model/operations.ts";
import { Numbering } from "./numbering.ts";
import type { BatchRequest } from "./protocol.ts";
import { privilegesOf } from "../what-to-write.ts";

/*
 * Most of a small statement's time goes into its plan. So a write that comes again is planned once: for all candidates of an
 * INSERT, or for all personas of a role. A plan holds no answer of a policy, with two exceptions that decide who may share one:
 * a function that calls itself IMMUTABLE is evaluated by the planner, and what a condition raises in an estimate shows
 * only then.
 */

/** Postgres can report how many rows a write affected, as a query, unless rules rewrite it. Views may hide rules beneath them. */
export function countsAsQuery({ info }: PlannedRelation): boolean {
  return (info.kind === "table" || info.kind === "partitioned") && info.rules.length === 0;
}

/**
 * Whether everything that the planner evaluates for this write it evaluates for the same persona's SELECT as well, which is
 * planned each time: conditions on rows (USING), and conditions in a subquery (FROM).
 */
export function plannedBySelect({ relation, operation, role }: Cell): boolean {
  const [command, ...others] = operationInfo[operation].events;
  if (!countsAsQuery(relation) || command === undefined || others.length > 0) return false;
  const policies = relation.info.policies.filter(({ roles }) => isFor(roles, role));
  const read = new Set(of(policies, "select").map(({ using }) => using));
  return of(policies, command).every(({ using, check }) => {
    const conditions = command === "insert" ? [] : [using];
    const checks = [check ?? using].filter((text) => text !== null && /\bfrom\b/i.test(text));
    return [...conditions, ...(command === "delete" ? [] : checks)].every(
      (text) => text === null || read.has(text),
    );
  });
}

function of(policies: readonly PolicyInfo[], wanted: PolicyInfo["command"]): readonly PolicyInfo[] {
  return policies.filter(({ command }) => command === wanted || command === "all");
}

/** The write as a query that returns how many rows it affected. RETURNING a constant reads no column, so no SELECT policy applies. */
export function countingSql(write: string, returnsRows = false): string {
  return `with probe as (${write}${returnsRows ? "" : " returning 1"}) select count(*) from probe`;
}

/** A persona in one state of its session. */
export function sessionName({ persona }: Cell, { state }: BatchRequest): string {
  return `${persona.name}/${state ?? ""}`;
}

/** The field `plan` of `sql/probe_batch.sql`, for the probes of one batch. */
export class Planning {
  readonly #keeps: boolean;
  readonly #reading: ReadonlySet<string>;
  readonly #roles = new Numbering<string>();

  constructor(posted: readonly { readonly cell: Cell; readonly request: BatchRequest }[], keeps: boolean) {
    this.#keeps = keeps;
    const reads = posted.filter(({ request }) => request.kind === "read");
    this.#reading = new Set(reads.map(({ cell, request }) => sessionName(cell, request)));
  }

  of(cell: Cell, request: BatchRequest): number | undefined {
    const { kind } = request;
    if (kind === "read") return isReadable(cell) ? undefined : 1;
    if (kind === "rows" || kind === "call" || request.differences !== undefined) return undefined;
    const shared = this.#keeps && this.#reading.has(sessionName(cell, request)) && plannedBySelect(cell);
    if (shared) return 1 + this.#roles.of(`${cell.persona.role}/${cell.persona.login ?? ""}`);
    return kind === "insert" && countsAsQuery(cell.relation) ? 1 : undefined;
  }
}

function isReadable(cell: Cell): boolean {
  const { select } = privilegesOf(cell);
  return cell.column === undefined ? select.length > 0 : select.includes(cell.column);
}
