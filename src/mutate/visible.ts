import { bypassOf, type RelationInfo, type RoleInfo } from "../model/catalog.ts";
import type { Cell } from "../model/cell.ts";
import { operationInfo } from "../model/operations.ts";
import type { BatchRequest, Reply, Request } from "../probe/sql/protocol.ts";
import { type Coverage, isLent } from "./cells.ts";
import { type Command, differingCommands, isHeld, reachesTheSame, showsAll } from "./equivalent.ts";
import { isOfPolicies, type Mutant } from "./mutant.ts";
import { readersOf } from "./readers.ts";
import type { Transcripts } from "./transcripts.ts";

/*
 * Which of the cells that lie in a change's way can be answered otherwise at all. The others need not be asked: what they were
 * answered without the change is what they would be answered with it.
 */

/** Of a cell, and of one of the requests that its probe makes first. */
export type MayDiffer = (cell: Cell, request?: BatchRequest) => boolean;

/**
 * Whether a cell may be answered otherwise; of the changed relation itself, or of what reads it. `unmoved`: personas whose SELECT of
 * the relation shows the same rows with the change. What reads it for them reads the same.
 */
export function mayDiffer(
  mutant: Mutant,
  coverage: Coverage & { readonly transcripts: Transcripts },
  unmoved: ReadonlySet<string> = new Set(),
): MayDiffer {
  const { transcripts, texts, bodies } = coverage;
  if (mutant.operator === "grant" && !asksForPrivileges(coverage))
    return (cell) => transcripts.of(cell).some(({ replies }) => replies.some(isError));
  const { roles, relations } = coverage.plan.catalog;
  const before = relations.find(({ oid }) => oid === mutant.after.oid);
  if (before === undefined || !isOfPolicies(mutant) || isLent(before, mutant, coverage)) return () => true;
  const compared = { before, after: mutant.after, bodies };
  const differing = new Map<RoleInfo, readonly Command[]>();
  let writers: ReadonlySet<string> | undefined;
  return (cell, request) => {
    const { persona, operation, relation } = cell;
    const { name } = cell.role;
    const role = roles.find((one) => one.name === name);
    if (role === undefined || (bypassOf(role, before) ?? bypassOf(role, mutant.after)) !== undefined)
      return true;
    const commands = differing.get(role) ?? differingCommands(compared, role, false);
    differing.set(role, commands);
    if (relation.info.oid !== before.oid) {
      if (commands.includes("select") && !unmoved.has(persona.name)) return true;
      writers ??= readersOf(mutant.after.oid, texts, true);
      return commands.some((one) => one !== "select") && writers.has(relation.info.oid);
    }
    const asked = operationInfo[operation].policies.filter((one) => one !== "all");
    if (!asked.some((one) => commands.includes(one)) || isRefused(asked, before, role)) return false;
    // Row by row, a row is known by its key, and who reads that is asked by SELECT's policies as well.
    const readsKey = request?.kind === "rows" && operationInfo[operation].blind;
    if (readsKey && reachesTheSame(compared, role, ["select", ...asked])) return false;
    // A `never:` is tried blind, too.
    if (reachesTheSame(compared, role, asked))
      return request === undefined ? (cell.update?.never.length ?? 0) > 0 : request.blind === true;
    if (!unmoved.has(persona.name) || asked.some((one) => one !== "select" && commands.includes(one)))
      return true;
    // The rows that are there are the same ones; a new row is refused with an error.
    const rounds = transcripts.of(cell);
    if (rounds.some(({ requests }) => requests.some(isOfState))) return true;
    if (!operationInfo[operation].checked) return cell.column === undefined && operation === "select";
    return !showsAll(compared, role) || rounds.some(({ replies }) => replies.some(isError));
  };
}

/** Another state of the session, of which the persona's SELECT says nothing. */
function isOfState(request: Request): boolean {
  return request.kind !== "explain" && request.state !== undefined;
}

/** A write of which the role lacks the privilege is refused before any policy is asked. */
function isRefused(asked: readonly Command[], before: RelationInfo, role: RoleInfo): boolean {
  return asked.some((one) => one !== "select" && !isHeld(before, role, one));
}

/** A privilege more ends refusals, and nothing else: unless some SQL asks who has it, or catches the refusal. */
function asksForPrivileges({ texts }: Coverage): boolean {
  return texts.some(({ text }) =>
    /\bhas_\w*privilege|\bexception\s+when\b|information_schema|acl/i.test(text),
  );
}

function isError(reply: Reply): boolean {
  if (reply.kind === "parts") return reply.parts.some(({ code }) => code !== undefined);
  if (reply.kind !== "rows") return true;
  return reply.rows.raisedRows > 0 || typeof reply.rows.last?.code === "string";
}
