import { besideKnown, Known } from "../arguments/answers.ts";
import { confirmed, isListed, showsFault } from "../arguments/beside.ts";
import { type Asked, askedRows } from "../arguments/database.ts";
import { withoutOwn } from "../arguments/reach.ts";
import type { Caller } from "../arguments/world.ts";
import { grouped, inTurn } from "../lib/grouped.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { ArgumentFault } from "../model/argument-fault.ts";
import type { RelationInfo } from "../model/catalog.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import type { RelationWork } from "../plan/plan.ts";
import { blockedBy } from "../plan/side-effects.ts";
import type { Trying } from "./writes.ts";

/** Values of a view's rows that are looked into further, for a persona and view. */
const confirmedAtMost = 16;

/**
 * What the rows of views show of rows that their persona may not read, by the id of the cell. A view's rows are compared with the
 * matrix by their key; what other columns hold is compared here, unless `columns:` speaks of them.
 */
export async function tryViews(trying: Trying): Promise<ReadonlyMap<string, ArgumentFault>> {
  return tryEach("view", trying, tryView);
}

/** By the id of a cell. */
export type FoundFaults = readonly (readonly [cell: string, fault: ArgumentFault])[];

/** Each relation of a kind that may be read and written here, by each persona that policies apply to. */
export async function tryEach(
  kind: RelationInfo["kind"],
  trying: Trying,
  tryOne: (work: RelationWork, caller: Caller, trying: Trying) => Promise<FoundFaults>,
): Promise<ReadonlyMap<string, ArgumentFault>> {
  const { plan, request } = trying.run;
  const all = plan.work.filter(
    ({ spec, relation: { info } }) =>
      info.kind === kind && !blockedBy(spec, plan.sideEffects, request.target.posture),
  );
  const bound = trying.callers.filter(({ role }) => !role.superuser && !role.bypassRls);
  const found = await Promise.all(all.flatMap((work) => bound.map((caller) => tryOne(work, caller, trying))));
  return new Map(found.flat());
}

/** The cell, and the read of all columns that the persona may read and that the matrix does not list; `undefined`: nothing is allowed. */
export function unlistedRead(
  { spec, relation: { info } }: RelationWork,
  { persona: { name }, role }: Caller,
  { wants }: Trying["run"]["options"],
): { readonly cell: string; readonly asked: Asked } | undefined {
  const cell = `${name}/${formatQualified(spec)}/select`;
  const resolved = resolveExpectation(spec, name, "select");
  if (resolved === undefined || resolved.expectation.kind === "deny" || !wants(cell, name)) return undefined;
  const columns = (info.privileges[role.name]?.select ?? []).filter(
    (column) => !isListed(spec, resolved.declaration, column),
  );
  return columns.length === 0 ? undefined : { cell, asked: askedRows(info, columns) };
}

async function tryView(
  work: RelationWork,
  caller: Caller,
  { run: { options }, reachOf, database }: Trying,
): Promise<FoundFaults> {
  const read = unlistedRead(work, caller, options);
  if (read === undefined) return [];
  const { cell, asked } = read;
  const answer = await database.call(caller, asked);
  if (answer.code !== undefined || answer.rows.length === 0) return [];
  const reach = await reachOf(caller);
  const hidden = [...answer.read].flatMap((oid) => reach.hidden.get(oid) ?? []);
  const comparison = {
    hidden: withoutOwn(hidden, caller),
    known: new Known(reach.known),
    given: new Set<string>(),
  };
  const found = answer.rows.flatMap((row) => besideKnown(row, comparison));
  const columnwise = inTurn([...grouped(found, ({ beside }) => beside?.column).values()]);
  const suspicion = await confirmed(columnwise.slice(0, confirmedAtMost), { database, caller, asked });
  if (suspicion?.beside === undefined) return [];
  const sql = `select ${suspicion.beside.column} from ${formatQualified(work.relation.info)}`;
  return [[cell, showsFault(suspicion, sql)]];
}
