import { acceptedCandidates } from "../arguments/assign.ts";
import { materialOf } from "../arguments/assign-material.ts";
import { Known } from "../arguments/answers.ts";
import type { CallDatabase } from "../arguments/database.ts";
import { type Reach, rowsOf } from "../arguments/reach.ts";
import { shownFault, showing } from "../arguments/shown.ts";
import type { Caller } from "../arguments/world.ts";
import { deletions, insertions, updates } from "../arguments/writes.ts";
import type { EscalationCatalog } from "../escalate/catalog.ts";
import { Dependencies, type WriteCode } from "../escalate/closure.ts";
import { once } from "../lib/once.ts";
import { loadParser } from "../lib/sql-tree.ts";
import { readSql } from "../lib/sql-file.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { ArgumentFault } from "../model/argument-fault.ts";
import { bindPredicate } from "../plan/columns.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import type { RelationWork } from "../plan/plan.ts";
import { blockedBy } from "../plan/side-effects.ts";
import type { OpenRun } from "./3-open.ts";

/** Rows that are updated, or deleted, for a persona and relation. */
const rowsAtMost = 2;

export interface Trying {
  readonly run: OpenRun;
  readonly callers: readonly Caller[];
  readonly reachOf: (caller: Caller) => Promise<Reach>;
  readonly database: CallDatabase;
}

/** What declared writes show that their persona may not read, by the id of the cell. */
export async function tryWrites(trying: Trying): Promise<ReadonlyMap<string, ArgumentFault>> {
  await loadParser();
  const { run, database, callers } = trying;
  const text = await database.ask(readSql("escalate_catalog.sql"));
  if (text === undefined) return new Map();
  const dependencies = new Dependencies(JSON.parse(text) as EscalationCatalog);
  const found = await Promise.all(
    run.plan.work
      .filter(({ spec }) => !blockedBy(spec, run.plan.sideEffects, run.request.target.posture))
      .flatMap((work) => {
        const code = dependencies.readByWritesOf(work.relation.info.oid);
        if (!code.anything && code.relations.size === 0) return [];
        const material = once(() => materialOf(work.relation.info, database));
        return callers
          .filter(({ role }) => !role.superuser && !role.bypassRls)
          .flatMap((caller) =>
            (["insert", "update", "delete"] as const).map((operation) =>
              tryOne({ work, code, caller, operation, material }, trying),
            ),
          );
      }),
  );
  return new Map(found.flat());
}

interface One {
  readonly work: RelationWork;
  readonly code: WriteCode;
  readonly caller: Caller;
  readonly operation: "insert" | "update" | "delete";
  readonly material: () => ReturnType<typeof materialOf>;
}

async function tryOne(
  { work: { spec, relation }, code, caller, operation, material }: One,
  { run: { plan, options }, callers, reachOf, database }: Trying,
): Promise<readonly (readonly [string, ArgumentFault])[]> {
  const { name } = caller.persona;
  const cell = `${name}/${formatQualified(spec)}/${operation}`;
  const expectation = resolveExpectation(spec, name, operation)?.expectation;
  if (expectation === undefined || expectation.kind === "deny" || !options.wants(cell, name)) return [];
  const { info, key, baseline } = relation;
  const writing = { info, caller, callers, material: await material(), names: code.names };
  const bind = (predicate: string): string =>
    bindPredicate(predicate, { matrix: plan.matrix, persona: caller.persona, column: undefined });
  const rows =
    operation === "insert"
      ? []
      : (await rowsOf(expectation, baseline, undefined, bind, database)).slice(0, rowsAtMost);
  const accepted =
    operation === "insert" ? acceptedCandidates(spec, { expectation }, caller, plan.matrix.vars) : [];
  const showers =
    operation === "insert"
      ? insertions(accepted, writing)
      : (operation === "update" ? updates : deletions)(rows, key, writing);
  if (showers.length === 0) return [];
  const { hidden: all, known } = await reachOf(caller);
  // Policies read, too; only what runs with the write puts anything into a row.
  const hidden = new Map([...all].filter(([oid]) => code.anything || code.relations.has(oid)));
  if (hidden.size === 0) return [];
  const shows = showing(plan.catalog, caller);
  const fault = await shownFault(showers, { caller, database, hidden, known: new Known(known), shows });
  return fault === undefined ? [] : [[cell, fault]];
}
