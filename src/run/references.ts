import { besideKnown, type HiddenTable, Known } from "../arguments/answers.ts";
import { showsFault } from "../arguments/beside.ts";
import { askedWrite, deletion } from "../arguments/database.ts";
import { rowsOf, withoutOwn } from "../arguments/reach.ts";
import { showing } from "../arguments/shown.ts";
import type { Caller } from "../arguments/world.ts";
import { formatQualified, quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { ArgumentFault } from "../model/argument-fault.ts";
import type { RelationInfo } from "../model/catalog.ts";
import { bindPredicate } from "../plan/columns.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import type { RelationWork } from "../plan/plan.ts";
import { type FoundFaults, tryEach, unlistedRead } from "./views.ts";
import type { Trying } from "./writes.ts";

/** Statements for a persona and relation, and keys of a table that a column is set to. */
const statementsAtMost = 12;
const keysAtMost = 2;

/**
 * A view that joins by a column which its reader may write shows the row that it points to. An own row is made to point to each of some
 * hidden rows: what a view then shows of them is a leak of that view, by the id of its cell.
 */
export async function tryReferences(trying: Trying): Promise<ReadonlyMap<string, ArgumentFault>> {
  return tryEach("table", trying, tryTable);
}

async function tryTable(
  { spec, relation: { info, key, baseline } }: RelationWork,
  caller: Caller,
  trying: Trying,
): Promise<FoundFaults> {
  const { run, reachOf, database } = trying;
  const { name } = caller.persona;
  const expectation = resolveExpectation(spec, name, "update")?.expectation;
  const columns = (info.privileges[caller.role.name]?.update ?? []).filter((one) => !key.includes(one));
  if (expectation === undefined || expectation.kind === "deny" || columns.length === 0) return [];
  const views = showing(run.plan.catalog, caller)(new Set([info.oid])).filter(({ kind }) => kind === "view");
  const joined = new Set(views.flatMap((view) => tablesBehind(view, run.plan.catalog.relations)));
  if (joined.size < 2) return [];
  const { hidden, known } = await reachOf(caller);
  const denied = withoutOwn(
    [...hidden.values()].filter((one) => one.denied && joined.has(formatQualified(one.table.info))),
    caller,
  ).filter(({ table }) => table.info.oid !== info.oid);
  const bind = (predicate: string): string =>
    bindPredicate(predicate, { matrix: run.plan.matrix, persona: caller.persona, column: undefined });
  const [row] = denied.length === 0 ? [] : await rowsOf(expectation, baseline, undefined, bind, database);
  if (row === undefined) return [];
  const own = key
    .map((one) => `${quoteIdent(one)} = ${quoteLiteral(row.values.get(one) ?? "")}`)
    .join(" and ");
  const statements = denied.flatMap((one) =>
    assignmentsTo(one, info, columns).map(
      (set) => `update ${quoteQualified(info)} set ${set}${own === "" ? "" : ` where ${own}`}`,
    ),
  );
  const found = await Promise.all(
    statements
      .slice(0, statementsAtMost)
      .map((sql) => shownAfter(sql, { info, views, denied, known: new Known(known), caller }, trying)),
  );
  return found.flat();
}

/** A column of the type of a table's key becomes the key of a hidden row. */
function assignmentsTo(
  { table, rows }: HiddenTable,
  { columns }: RelationInfo,
  writable: readonly string[],
): readonly string[] {
  const [key, ...more] = table.info.primaryKey;
  const type = table.info.columns.find(({ name }) => name === key)?.type;
  if (key === undefined || more.length > 0) return [];
  const keys = rows.slice(0, keysAtMost).flatMap(({ values }) => values.get(key) ?? []);
  return columns
    .filter((one) => one.type === type && writable.includes(one.name))
    .flatMap(({ name }) => keys.map((value) => `${quoteIdent(name)} = ${quoteLiteral(value)}`));
}

interface Watched {
  readonly info: RelationInfo;
  readonly views: readonly RelationInfo[];
  readonly denied: readonly HiddenTable[];
  readonly known: Known;
  readonly caller: Caller;
}

async function shownAfter(sql: string, watched: Watched, { run, database }: Trying): Promise<FoundFaults> {
  const { info, views, denied, known, caller } = watched;
  const asked = askedWrite(info, sql, []);
  const places = views.flatMap((view) => placeOf(view, caller, run));
  const reads = places.map(({ asked: read }) => read);
  const before = await Promise.all(reads.map((read) => database.reads(caller, read)));
  const { code, deferred, afterwards } = await database.again(caller, asked, reads);
  if (code !== undefined || deferred !== undefined) return [];
  const found = await Promise.all(
    places.map(async ({ cell, place }, index): Promise<FoundFaults> => {
      const old = new Set((before[index] ?? []).flatMap((row) => [...row.values()]));
      const comparison = { hidden: denied, known, given: new Set<string>() };
      const suspicion = (afterwards[index] ?? [])
        .flatMap((row) => besideKnown(row, comparison))
        .find(({ beside }) => beside !== undefined && !old.has(beside.value));
      if (suspicion?.beside === undefined) return [];
      const { column, value } = suspicion.beside;
      const gone = [deletion(suspicion.table.info, suspicion.rows)];
      const other = await database.otherwise(gone, caller, asked, reads);
      const still = (other?.afterwards[index] ?? []).some((row) => row.get(column) === value);
      if (other === undefined || still) return [];
      return [[cell, showsFault(suspicion, `${sql}; select ${quoteIdent(column)} from ${place}`)]];
    }),
  );
  return found.flat();
}

function placeOf(view: RelationInfo, caller: Caller, { plan, options }: Trying["run"]) {
  const work = plan.work.find(({ relation }) => relation.info.oid === view.oid);
  const read = work && unlistedRead(work, caller, options);
  return read === undefined ? [] : [{ ...read, place: formatQualified(view) }];
}

function tablesBehind(view: RelationInfo, all: readonly RelationInfo[]): readonly string[] {
  return view.reads.flatMap((name) => {
    const read = all.find((one) => formatQualified(one) === formatQualified(name));
    return read?.kind === "view" ? tablesBehind(read, all) : [formatQualified(name)];
  });
}
