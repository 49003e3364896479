import type { RelationInfo } from "../../model/catalog.ts";
import type { CacheFacts, Visit } from "../../model/examination-gateway.ts";
import type { QualifiedName } from "../../model/sql-text.ts";
import { formatQualified } from "../../model/sql-text.ts";
import { mapLimited } from "../rest/limit.ts";

/** Relations asked for, at most: one request each. */
const relationsAtMost = 100;
const atOnce = 6;

export interface Cache extends CacheFacts {
  /** One that the gateway knows. */
  readonly known: QualifiedName | undefined;
}

/** Has the gateway heard of what is there? It looks a relation up before it asks whether somebody may read it. @throws LinkError */
export async function askForRelations(
  relations: readonly RelationInfo[],
  ask: (relation: QualifiedName) => Promise<Visit>,
): Promise<Cache> {
  // PostgREST leaves partitions out.
  const existing = relations.filter(({ kind, isPartition }) => kind !== "function" && !isPartition);
  const chosen = existing.slice(0, relationsAtMost);
  const answers = await mapLimited(chosen, atOnce, ask);
  const unknown = chosen.filter((_, index) => answers[index]?.code === "PGRST205");
  const known = chosen.find((_, index) => answersForIt(answers[index]));
  return {
    asked: answers.filter((answer) => answersForIt(answer) || answer.code === "PGRST205").length,
    existing: existing.length,
    unknown: unknown.map((one) => formatQualified(one)),
    known,
  };
}

/** A refused token, an unexposed schema or a front door say nothing about a relation. */
function answersForIt(answer: Visit | undefined): boolean {
  if (answer === undefined) return false;
  return answer.rows || (answer.code !== undefined && !/^PGRST(?:0|10|20|30)/.test(answer.code));
}

/** `/courses?limit=0`; a name may hold what ends a path. */
export function pathOf({ name }: QualifiedName, query = "limit=0"): string {
  return `/${encodeURIComponent(name)}?${query}`;
}
