import { isCode } from "../../model/answers.ts";
import type { RelationInfo } from "../../model/catalog.ts";
import type { CacheFacts, Visit } from "../../model/examination-gateway.ts";
import type { QualifiedName } from "../../lib/sql-text.ts";
import { formatQualified } from "../../lib/sql-text.ts";
import { mapLimited } from "../../probe/http/limit.ts";

const atOnce = 8;
/** Milliseconds for all of them together: thousands of relations at a gateway far away take longer. */
const patience = 10_000;
/** So many answers that say nothing about a relation, and no other: the next will not either. */
const saysNothing = 24;

export interface Cache extends CacheFacts {
  /** One that the gateway knows. */
  readonly known: QualifiedName | undefined;
}

/**
 * Has the gateway heard of what is there? It looks a relation up before it asks whether somebody may read it. The newest are
 * asked for first: they are what an old cache lacks. @throws LinkError
 */
export async function askForRelations(
  relations: readonly RelationInfo[],
  ask: (relation: QualifiedName) => Promise<Visit>,
): Promise<Cache> {
  // PostgREST leaves partitions out.
  const existing = relations
    .filter(({ kind, isPartition }) => kind !== "function" && !isPartition)
    .toSorted((a, b) => Number(b.oid) - Number(a.oid));
  const unknown: QualifiedName[] = [];
  const known = new Set<QualifiedName>();
  let silent = 0;
  const end = performance.now() + patience;
  await mapLimited(existing, atOnce, async (relation) => {
    const inVain = silent >= saysNothing && known.size + unknown.length === 0;
    if (inVain || performance.now() > end) return;
    const answer = await ask(relation);
    if (isCode(answer.code, "relationNotExposed")) unknown.push(relation);
    else if (answersForIt(answer)) known.add(relation);
    else silent += 1;
  });
  return {
    asked: known.size + unknown.length,
    existing: existing.length,
    unknown: unknown.map((one) => formatQualified(one)).toSorted(),
    known: relations.find((one) => known.has(one)),
  };
}

const saysNothingOfIt = ["gatewayWithoutDatabase", "gatewayRequest", "gatewayCache", "token"] as const;

/** A refused token, an unexposed schema or a front door say nothing about a relation. */
function answersForIt({ rows, code }: Visit): boolean {
  return rows || (code !== undefined && !saysNothingOfIt.some((name) => isCode(code, name)));
}

/** `/courses?limit=0`; a name may hold what ends a path. */
export function pathOf({ name }: QualifiedName, query = "limit=0"): string {
  return `/${encodeURIComponent(name)}?${query}`;
}
