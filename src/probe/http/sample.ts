import type { Answer, RowsObservation } from "../../model/observation.ts";
import { shownKeys } from "../limits.ts";
import type { ControlRow } from "./snapshot.ts";
import { ProbeFailure } from "./failure.ts";
import { rowsOf } from "./reply.ts";
import type { ProbeContext } from "./context.ts";
import { shownColumns, shownKey } from "./context.ts";

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

/** The count went through and a sample does not: nothing can be told about its rows. */
function mustTell({ code, message }: Answer): void {
  if (code === null) return;
  throw new ProbeFailure(
    "protocol",
    `the gateway counted the rows, and refused to show some of them: ${code} ${message}`,
  );
}
