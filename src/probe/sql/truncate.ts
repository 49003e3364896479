import { escapeLiteral } from "pg";
import { codeOf } from "../../model/answers.ts";
import type { Privileges } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import type { Observation } from "../../model/observation.ts";
import { quoteQualified } from "../../lib/sql-text.ts";
import { firstRequest, type Means } from "./first-requests.ts";
import { failedObservation } from "./failed.ts";
import type { CellProbe } from "./reach.ts";

export function* probeTruncate(cell: Cell, means: Means): CellProbe {
  const [reply] = yield [firstRequest.truncate(cell, means)];
  const part = reply?.kind === "parts" ? reply.parts.at(-1) : undefined;
  if (part === undefined) return failedObservation(reply);
  return {
    kind: "statement",
    answer: { code: part.code ?? null, message: part.message, foreignFrame: part.foreignFrame },
  };
}

/** TRUNCATE asks for its privilege and for no policy: the catalogue's word is enough. */
export function truncateOf(held: Privileges | undefined): Observation {
  const may = held?.schemaUsage === true && held.truncate;
  const refused = {
    code: codeOf("insufficientPrivilege"),
    message: "not sent: the catalogue says that the privilege is missing",
  };
  return { kind: "statement", answer: { ...(may ? { code: null } : refused), foreignFrame: false } };
}

/** What is asked instead. */
export function shownPrivilege({ persona: { role }, relation: { info } }: Cell): string {
  return `select has_table_privilege(${escapeLiteral(role)}, ${escapeLiteral(quoteQualified(info))}, 'truncate')`;
}
