import { besideKnown, Known } from "../arguments/answers.ts";
import { confirmed, isListed, showsFault } from "../arguments/beside.ts";
import { askedRows } from "../arguments/database.ts";
import { withoutOwn } from "../arguments/reach.ts";
import type { Caller } from "../arguments/world.ts";
import { grouped, inTurn } from "../lib/grouped.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { ArgumentFault } from "../model/argument-fault.ts";
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
  const { run, callers } = trying;
  const views = run.plan.work.filter(
    ({ spec, relation: { info } }) =>
      info.kind === "view" && !blockedBy(spec, run.plan.sideEffects, run.request.target.posture),
  );
  const bound = callers.filter(({ role }) => !role.superuser && !role.bypassRls);
  const found = await Promise.all(
    views.flatMap((view) => bound.map((caller) => tryView(view, caller, trying))),
  );
  return new Map(found.flat());
}

async function tryView(
  { spec, relation: { info } }: RelationWork,
  caller: Caller,
  { run: { options }, reachOf, database }: Trying,
): Promise<readonly (readonly [string, ArgumentFault])[]> {
  const { name } = caller.persona;
  const cell = `${name}/${formatQualified(spec)}/select`;
  const resolved = resolveExpectation(spec, name, "select");
  if (resolved === undefined || resolved.expectation.kind === "deny" || !options.wants(cell, name)) return [];
  const columns = (info.privileges[caller.role.name]?.select ?? []).filter(
    (column) => !isListed(spec, resolved.declaration, column),
  );
  if (columns.length === 0) return [];
  const asked = askedRows(info, columns);
  const answer = await database.call(caller, asked);
  if (answer.code !== undefined || answer.rows.length === 0) return [];
  const reach = await reachOf(caller);
  const read = [...answer.read].flatMap((oid) => reach.hidden.get(oid) ?? []);
  const comparison = {
    hidden: withoutOwn(read, caller),
    known: new Known(reach.known),
    given: new Set<string>(),
  };
  const found = answer.rows.flatMap((row) => besideKnown(row, comparison));
  const columnwise = inTurn([...grouped(found, ({ beside }) => beside?.column).values()]);
  const suspicion = await confirmed(columnwise.slice(0, confirmedAtMost), { database, caller, asked });
  if (suspicion?.beside === undefined) return [];
  const sql = `select ${suspicion.beside.column} from ${formatQualified(info)}`;
  return [[cell, showsFault(suspicion, sql)]];
}
