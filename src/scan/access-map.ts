import {
  type Access,
  type AccessMap,
  type AccessQuestion,
  type MappedAccess,
  type MappedOperation,
  mappedOperations,
  type MappedPersona,
  type MappedRelation,
  type Standing,
} from "../model/access-map.ts";
import type { Observation } from "../model/observation.ts";
import type { ProofAnswer } from "../model/proof.ts";
import type { CellRecord } from "../model/run.ts";

/** How wide access is: what anybody has weighs more than what a user has, and a write more than a read. */
const standingWeight: Readonly<Record<Standing, number>> = {
  "no-token": 1000,
  "unknown-user": 300,
  user: 10,
  role: 10,
  above: 0,
};
const operationWeight: Readonly<Record<MappedOperation, number>> = {
  delete: 4,
  update: 4,
  insert: 2,
  select: 3,
};

/** A cell of the run, and what the proof for all rows said of it. */
export interface ScannedCell {
  readonly record: CellRecord;
  readonly proof: ProofAnswer | undefined;
  /** An extension's stand-in decides part of it. */
  readonly byStandIn?: boolean | undefined;
}

/** What a run in which everything was declared denied has shown. */
export function accessMap(cells: readonly ScannedCell[], personas: readonly MappedPersona[]): AccessMap {
  const byRelation = new Map<string, ScannedCell[]>();
  for (const cell of cells) {
    const { operation, column, schema, relation } = cell.record;
    if (!isMapped(operation) || column !== undefined) continue;
    const name = `${schema}.${relation}`;
    const known = byRelation.get(name) ?? [];
    known.push(cell);
    byRelation.set(name, known);
  }
  const relations = [...byRelation].map(([relation, own]) => mapRelation(relation, own));
  const width = new Map(relations.map((one) => [one, widthOf(one, personas)]));
  const sorted = relations.toSorted(
    (a, b) => (width.get(b) ?? 0) - (width.get(a) ?? 0) || (a.relation < b.relation ? -1 : 1),
  );
  return { personas, relations: sorted, questions: questionsOf(sorted, personas) };
}

function isMapped(operation: string): operation is MappedOperation {
  return (mappedOperations as readonly string[]).includes(operation);
}

function mapRelation(relation: string, cells: readonly ScannedCell[]): MappedRelation {
  const personas = new Map<string, Partial<Record<MappedOperation, MappedAccess>>>();
  for (const cell of cells) {
    const { persona, operation, cause } = cell.record;
    const own = personas.get(persona) ?? {};
    if (isMapped(operation)) own[operation] = { access: accessOf(cell), cause };
    personas.set(persona, own);
  }
  const totals = cells.map(({ record: { channels } }) =>
    channels.direct?.observation.kind === "rows" ? channels.direct.observation.baseline.total : 0,
  );
  return { relation, rows: Math.max(0, ...totals), personas };
}

function accessOf({ record, proof, byStandIn = false }: ScannedCell): Access {
  const { direct } = record.channels;
  if (direct === undefined) return { kind: "skipped", because: "not probed directly" };
  const { observation: seen, because, verdict } = direct;
  // A stand-in refuses everyone else's rows alike, which the extension need not.
  const own = proof?.kind === "hit" && proof.own && !byStandIn;
  const shown = proof?.kind === "hit" && proof.side === "more" && (!proof.own || !byStandIn);
  if (seen.kind === "rows" && seen.affected > 0)
    return {
      kind: "rows",
      rows: seen.affected,
      of: Math.max(seen.affected, seen.baseline.total),
      sample: seen.method === "sample",
      own,
    };
  if (seen.kind === "insert" && verdict === "leak") return { kind: "accepted", own };
  if (seen.kind === "skipped") return { kind: "skipped", because: seen.reason };
  if (verdict === "leak" || shown || passesAbove(seen, proof)) return { kind: "possible", own };
  return verdict === "pass" || (verdict === "vacuous" && isClosed(proof))
    ? { kind: "none" }
    : { kind: "unknown", because };
}

/** Of a relation without rows. What opens for a claim that nobody here holds, or at another time, is not closed. */
function isClosed(proof: ProofAnswer | undefined): boolean {
  if (proof?.kind === "privilege" || proof?.kind === "no-policy") return true;
  if (proof?.kind !== "all-rows" && proof?.kind !== "keys-that-exist") return false;
  return proof.restsOn.claims.length === 0 && proof.restsOn.time.length === 0;
}

/** No policy holds the role back, and its statement went through on a relation without rows. */
function passesAbove(seen: Observation, proof: ProofAnswer | undefined): boolean {
  return (
    proof?.kind === "above" && seen.kind === "rows" && seen.baseline.total === 0 && seen.answer.code === null
  );
}

function isWide(access: Access): boolean {
  return access.kind === "rows" || access.kind === "accepted" || access.kind === "possible";
}

function widthOf({ personas: by }: MappedRelation, personas: readonly MappedPersona[]): number {
  let sum = 0;
  for (const { name, standing } of personas)
    for (const operation of mappedOperations) {
      const access = by.get(name)?.[operation]?.access;
      if (access === undefined || !isWide(access)) continue;
      const share = access.kind === "rows" ? access.rows / access.of : 0.5;
      sum += standingWeight[standing] * operationWeight[operation] * share;
    }
  return sum;
}

/**
 * What anybody has, or anyone who signs in, is a question by itself, with its cause. What a user has of all rows is one for the
 * user and the operation: it is an administrator, or should not be one.
 */
function questionsOf(
  relations: readonly MappedRelation[],
  personas: readonly MappedPersona[],
): readonly AccessQuestion[] {
  const single: AccessQuestion[] = [];
  const grouped = new Map<string, AccessQuestion>();
  for (const { relation, personas: by } of relations)
    for (const operation of mappedOperations) {
      const persona = personas.find(({ name, standing }) =>
        isSuspicious(standing, by.get(name)?.[operation]?.access),
      );
      const found = by.get(persona?.name ?? "")?.[operation];
      if (persona === undefined || found === undefined) continue;
      const { access, cause } = found;
      const place = { relation, access, cause: cause?.kind === "unknown" ? undefined : cause };
      const key = `${persona.name}/${operation}`;
      if (persona.standing === "no-token" || persona.standing === "unknown-user")
        single.push({ operation, persona, places: [place] });
      else grouped.set(key, { operation, persona, places: [...(grouped.get(key)?.places ?? []), place] });
    }
  return [...single, ...grouped.values()];
}

/** Whether a question hangs on the proof, too, where the probe has shown an access: it says whose rows they are. */
export function asksWhose(standing: Standing, seen: Observation): boolean {
  if (standing === "no-token" || standing === "unknown-user") return true;
  const isAll = seen.kind === "rows" && seen.affected > 1 && seen.affected >= seen.baseline.total;
  return standing !== "above" && isAll;
}

function isSuspicious(standing: Standing, access: Access | undefined): boolean {
  if (access === undefined || standing === "above" || !isWide(access)) return false;
  const ownOnly = "own" in access && access.own;
  if (standing === "no-token" || standing === "unknown-user") return !ownOnly;
  return access.kind === "rows" && access.of > 1 && access.rows === access.of && !access.own;
}
