import type { SessionFact } from "../model/catalog.ts";
import type { Cell } from "../model/cell.ts";
import { isFor, operationInfo } from "../model/operations.ts";
import { isOfStorage, storageDeletes } from "../model/settings.ts";

const means: Record<SessionFact["kind"], string> = {
  session: "which may differ between these probes and the requests of others",
  client: "which the client decides: others may send what these probes did not",
  login: "which a session that logs in by itself can set to anything",
  "stand-in": "and the extension itself may answer something else",
  setting: "which no persona of the matrix holds: a session that has it may see something else",
};

/** Why a pass of this cell proves nothing about other sessions: a policy or function that decides it reads what is no identity. */
export function decidingFact(cell: Cell): string | undefined {
  const found = cell.relation.facts?.find((fact) => decides(fact, cell));
  return found && `${found.place} reads ${found.fact}, ${means[found.kind]}`;
}

function decides({ kind, fact, command, roles }: SessionFact, cell: Cell): boolean {
  const { operation, role, relation, expectation } = cell;
  // Each session that deletes a file has it, as the storage server's have.
  if (kind === "setting" && fact.endsWith(storageDeletes.name) && isOfStorage(relation.info)) return false;
  // No policy is asked.
  if (operation === "truncate") return false;
  // No request carries a setting.
  if (kind === "setting" && cell.behindGateway) return false;
  if (kind === "login" && cell.persona.login === undefined) return false;
  // A call that went through went through; one that was refused, or showed some rows, rests on the function's body.
  if (operation === "execute") return kind === "stand-in" || expectation.kind !== "allow";
  // A trigger that refuses has refused nothing of what went through.
  if (roles === null && relation.info.kind === "table" && kind !== "stand-in" && expectation.kind === "allow")
    return false;
  // Of a view everybody sees what it reads, and a trigger fires for everybody; of a table, those whom its policies are asked for.
  const asked = command === "all" || operationInfo[operation].policies.includes(command);
  if (roles === null) return asked;
  if (relation.info.kind === "table" && (role.bypassRls || role.superuser)) return false;
  return isFor(roles, role) && asked;
}
