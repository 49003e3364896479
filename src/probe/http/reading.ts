import type { Cell } from "../../model/cell.ts";
import type { Answer, RowsObservation } from "../../model/observation.ts";
import { isRaisedByPolicy } from "../../model/raised.ts";
import { shownKeys } from "../limits.ts";
import type { RowFilter } from "./query.ts";
import { goThroughRows } from "./row-by-row.ts";
import { type ProbeContext, byCount, countTellsRows, reachOf, shownColumns, shownKey } from "./context.ts";
import { ProbeFailure } from "./failure.ts";
import { type Reply, rowsOf } from "./reply.ts";
import {
  type ControlRow,
  type Differences,
  type Snapshot,
  compareRows,
  comparedRowsLimit,
} from "./snapshot.ts";

/** SELECT: the exact count always; the rows themselves where a count does not tell them. */
export async function probeSelect(context: ProbeContext): Promise<RowsObservation> {
  const { caller, snapshot } = context;
  const columns = shownColumns(context.cell);
  const byRows = snapshot.hasRows && snapshot.complete && columns.length > 0;
  if (byRows && !countTellsRows(context)) return await compareAll(context, columns);

  const reply = await caller.read({ columns, holding: context.cell.column, limit: shownKeys });
  if (reply.answer.code !== null) return await refused(context, columns, reply.answer);
  const counted = byCount(context, reply.answer.rows ?? 0);
  if (!countTellsRows(context)) return reachOf(context, reply.answer, await compareSample(context, counted));
  if (byRows && counted.unexpected + counted.missing > 0) return await compareAll(context, columns);
  return reachOf(context, reply.answer, {
    ...counted,
    unexpectedKeys: counted.unexpected > 0 ? rowsOf(reply) : [],
  });
}

/** One row at which a policy raises ends the request for all rows: then each is asked for by itself. */
async function refused(
  context: ProbeContext,
  columns: readonly string[],
  answer: Answer,
): Promise<RowsObservation> {
  const whole = reachOf(context, answer);
  if (!isRaisedByPolicy(context.cell, answer)) return whole;
  const send = (filter: RowFilter): Promise<Reply> => context.caller.read({ columns, filter, limit: 1 });
  const attempts = [{ send, completed: (one: Answer) => one }];
  const statement = { event: "select", own: [], attempts: () => attempts } as const;
  return (await goThroughRows(context, statement, whole)).observation;
}

async function compareAll(context: ProbeContext, columns: readonly string[]): Promise<RowsObservation> {
  const { reply, rows } = await readRows(context, columns);
  if (reply.answer.code !== null) return await refused(context, columns, reply.answer);
  const counted = byCount(context, reply.answer.rows ?? 0);
  if (rows.length < counted.affected) {
    // `db-max-rows` cut the answer and there is no key to ask for the rest by, or there are far more rows than declared.
    return reachOf(context, reply.answer, { ...counted, undetermined: counted.affected - rows.length });
  }
  return reachOf(context, reply.answer, { affected: rows.length, ...differences(context, columns, rows) });
}

/** Throws ProbeFailure when the rows lack the columns that were asked for. */
export function differences(
  { cell, snapshot }: ProbeContext,
  columns: readonly string[],
  reached: readonly string[],
): Differences {
  const read = snapshot.reader(cell.relation.info, columns);
  const found = compareRows(reached, snapshot.rows(cell.expectation), snapshot.shapeOf(columns), read);
  if (found === undefined) {
    throw new ProbeFailure("protocol", "the gateway answered with rows that lack the columns asked for");
  }
  return cell.column === undefined ? found : valuesTold(cell, snapshot, found, columns, reached);
}

/**
 * Of a column's values: too many are those of rows that are not declared. What a declared row shows instead of its value
 * (a mask) is a value that is missing, and no other row's.
 */
function valuesTold(
  cell: Cell,
  snapshot: Snapshot,
  found: Differences,
  columns: readonly string[],
  reached: readonly string[],
): Differences {
  const key = columns.filter((name) => name !== cell.column);
  if (found.unexpected === 0 || key.length === 0) return found;
  const read = snapshot.reader(cell.relation.info, key);
  const all = snapshot.shapeOf(columns);
  const declared = new Set(
    snapshot.rows(cell.expectation).flatMap((row) => (row.declared ? [read(row.shapes[all] ?? "")] : [])),
  );
  const extra = reached.filter((row) => !declared.has(read(row)));
  return { ...found, unexpected: extra.length, unexpectedKeys: [...new Set(extra)].slice(0, shownKeys) };
}

/** Page by page: whatever `limit` says, the gateway's `db-max-rows` may cut an answer. */
async function readRows(
  context: ProbeContext,
  columns: readonly string[],
): Promise<{ reply: Reply; rows: readonly string[] }> {
  const order = shownKey(context.cell);
  const limit = comparedRowsLimit + 1;
  const page = { columns, holding: context.cell.column, order, limit };
  const reply = await context.caller.read(page);
  if (reply.answer.code !== null) return { reply, rows: [] };
  const rows = rowsOf(reply);
  const wanted = Math.min(reply.answer.rows ?? 0, limit);
  while (rows.length < wanted && order.length > 0) {
    const next = await context.caller.read({ ...page, offset: rows.length });
    const more = next.answer.code === null ? rowsOf(next) : [];
    if (more.length === 0) break;
    rows.push(...more);
  }
  return { reply, rows };
}

/** Values in one `in.(…)`: a URL must stay well below 8,000 characters. */
const valuesAtOnce = 15;

type Counted = Pick<RowsObservation, "affected" | "unexpected" | "missing">;

/** SELECT on a large relation: counts over all rows, and whether each row of the sample is seen. */
export async function compareSample(
  context: ProbeContext,
  counted: Counted,
): Promise<Partial<RowsObservation>> {
  const { cell, snapshot } = context;
  const { total, declared } = snapshot.control(cell);
  const sample = snapshot.rows(cell.expectation);
  const key = shownKey(cell);
  // Without a key a row of the sample cannot be asked for: equal counts could be counts of other rows.
  const numbersDiffer = counted.unexpected + counted.missing > 0;
  if (key.length === 0 || sample.length === 0) {
    return {
      ...counted,
      undetermined: numbersDiffer || counted.affected === 0 || counted.affected === total ? 0 : declared,
    };
  }
  const seen =
    key.length === 1 ? await seenAmong(context, key, sample) : await seenOneByOne(context, key, sample);
  const same = cell.column === undefined ? seen : await sameValues(context, sample);
  const label = snapshot.shapeOf(key);
  const shown = (rows: readonly ControlRow[]): string[] =>
    rows.slice(0, shownKeys).map(({ shapes }) => shapes[label] ?? "");
  const extra = sample.filter((row) => !row.declared && seen.has(row));
  const missing = sample.filter((row) => row.declared && !same.has(row));
  return {
    affected: counted.affected,
    unexpected: Math.max(counted.unexpected, extra.length),
    missing: Math.max(counted.missing, missing.length),
    unexpectedKeys: shown(extra),
    missingKeys: shown(missing),
    method: "sample",
  };
}

async function seenAmong(
  { cell, caller, snapshot }: ProbeContext,
  key: readonly string[],
  sample: readonly ControlRow[],
): Promise<ReadonlySet<ControlRow>> {
  const read = snapshot.reader(cell.relation.info, key);
  const shape = snapshot.shapeOf(key);
  const [column = ""] = key;
  const found = new Set<string>();
  for (let from = 0; from < sample.length; from += valuesAtOnce) {
    const values = sample.slice(from, from + valuesAtOnce).flatMap((row) => row.key[0] ?? []);
    const filter = { kind: "among", column, values } as const;
    const reply = await caller.read({ columns: key, filter, holding: cell.column });
    mustTell(reply.answer);
    for (const row of rowsOf(reply)) found.add(read(row) ?? "");
  }
  return new Set(sample.filter(({ shapes }) => found.has(read(shapes[shape] ?? "") ?? "-")));
}

async function seenOneByOne(
  { cell, caller }: ProbeContext,
  columns: readonly string[],
  sample: readonly ControlRow[],
): Promise<ReadonlySet<ControlRow>> {
  const seen = new Set<ControlRow>();
  for (const row of sample) {
    const { answer } = await caller.read({
      columns,
      filter: { kind: "row", columns, key: row.key },
      holding: cell.column,
      limit: 1,
    });
    mustTell(answer);
    if ((answer.rows ?? 0) > 0) seen.add(row);
  }
  return seen;
}

/** A column's cell: rows that show their own value, and no mask of it. */
async function sameValues(
  { cell, caller, snapshot }: ProbeContext,
  sample: readonly ControlRow[],
): Promise<ReadonlySet<ControlRow>> {
  const columns = shownColumns(cell);
  const key = shownKey(cell);
  const read = snapshot.reader(cell.relation.info, columns);
  const shape = snapshot.shapeOf(columns);
  const same = new Set<ControlRow>();
  for (const row of sample.filter(({ declared }) => declared)) {
    const reply = await caller.read({
      columns,
      filter: { kind: "row", columns: key, key: row.key },
      limit: 1,
    });
    mustTell(reply.answer);
    const own = read(row.shapes[shape] ?? "");
    if (rowsOf(reply).some((shown) => read(shown) === own)) same.add(row);
  }
  return same;
}

/** The count succeeded and a sample does not: nothing is known about its rows. */
function mustTell({ code, message }: Answer): void {
  if (code === null) return;
  throw new ProbeFailure(
    "protocol",
    `the gateway counted the rows, and refused to show some of them: ${code} ${message}`,
  );
}
