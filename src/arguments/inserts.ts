import { formatQualified } from "../lib/sql-text.ts";
import type { ArgumentFault } from "../model/argument-fault.ts";
import type { RelationInfo } from "../model/catalog.ts";
import type { TextRow } from "../probe/what-to-write.ts";
import { Known, isTruth } from "./answers.ts";
import { askedInsert, type CallDatabase, insertedSql } from "./database.ts";
import { type Reach, withoutOwn } from "./reach.ts";
import type { Caller, Values } from "./world.ts";

// A default, a generated column or a trigger runs for every role that inserts, and the row gives back what it has returned: such an INSERT
// is a call.

/** Rows that are inserted for a persona and relation. */
const rowsAtMost = 12;

export interface Inserting {
  readonly info: RelationInfo;
  readonly caller: Caller;
  /** Rows that the persona may insert, as it sends them. */
  readonly accepted: readonly TextRow[];
  /** What else columns may be given: others' identities, others' keys. */
  readonly values: (column: string) => readonly string[];
}

/** A value that the inserted row gives back, and that depends on rows which the persona may not read. */
export async function insertedFault(
  { info, caller, accepted, values }: Inserting,
  reachOf: (caller: Caller) => Promise<Reach>,
  database: CallDatabase,
): Promise<ArgumentFault | undefined> {
  const columns = info.privileges[caller.role.name]?.select ?? [];
  if (columns.length === 0) return undefined;
  const rows = accepted.flatMap((row) => [row, ...variants(row, info, values)]).slice(0, rowsAtMost);
  for (const row of rows) {
    const asked = askedInsert(info, row, columns);
    const [answer, again] = [await database.call(caller, asked), await database.call(caller, asked)];
    const stored = sameIn(answer.rows[0], again.rows[0]).filter(([name, value]) => isWorth(value, row[name]));
    if (stored.length === 0) continue;
    const { hidden, known } = await reachOf(caller);
    const read = withoutOwn(
      [...answer.read].flatMap((oid) => hidden.get(oid) ?? []),
      caller,
    );
    const [first] = read;
    if (first === undefined) continue;
    const without = await database.without(read, caller, asked);
    // A foreign key, or the policy itself, may need the rows that are gone: then nothing is known.
    if (without === undefined || without.code !== undefined) continue;
    const may = new Known(known);
    const found = stored.find(
      ([name, value]) => without.rows[0]?.get(name) !== value && !may.hasValue(value),
    );
    if (found === undefined) continue;
    const from = read.find(({ rows: held }) => held.some(({ values: of }) => holds(of, found[1]))) ?? first;
    return {
      kind: "stores",
      argument: found[0],
      value: found[1],
      whose: "",
      relation: formatQualified(from.table.info),
      rows: 0,
      keys: [],
      sql: insertedSql(info, row, columns),
    };
  }
  return undefined;
}

/** Only what a trigger or a generated column makes of a row depends on its other columns. */
function variants(row: TextRow, info: RelationInfo, values: Inserting["values"]): readonly TextRow[] {
  if (info.triggers.length === 0 && !info.columns.some(({ generated }) => generated)) return [];
  return Object.keys(row).flatMap((name) =>
    values(name)
      .filter((value) => value !== row[name])
      .map((value) => ({ ...row, [name]: value })),
  );
}

/** What comes back twice: neither a sequence nor a random value nor the clock. */
function sameIn(one: Values | undefined, other: Values | undefined): readonly (readonly [string, string])[] {
  return [...(one ?? [])].filter(([name, value]) => other?.get(name) === value);
}

/** A number counts rows as often as it tells something of them. */
function isWorth(value: string, sent: string | null | undefined): boolean {
  return value !== sent && value !== "" && !isTruth(value) && !/^-?\d{1,3}$/.test(value);
}

function holds(values: Values, value: string): boolean {
  return [...values.values()].some((held) => value.includes(held) && held !== "");
}
