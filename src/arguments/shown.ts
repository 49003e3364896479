import { formatQualified, quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import type { ArgumentFault } from "../model/argument-fault.ts";
import type { Catalog, RelationInfo } from "../model/catalog.ts";
import { type AnswerRow, type HiddenTable, isTruth, type Known } from "./answers.ts";
import {
  type Asked,
  askedRows,
  type CallAnswer,
  type CallDatabase,
  type Change,
  deletion,
  type OtherAnswer,
  rowsAt,
} from "./database.ts";
import { familyOf } from "../plan/subject.ts";
import { withoutOwn } from "./reach.ts";
import { spellingsOf } from "./spellings.ts";
import type { Caller, Table } from "./world.ts";

// What a statement shows who sends it: in what comes back, and in what can be read once it has written. A trigger, a default, a
// rule or a function may have put there what its sender may not read. Whether it has is asked by counterfactuals: the same
// statement again, without the hidden rows that it read, or with another value in one of their columns.

/** A statement whose effects are looked at. */
export interface Shower {
  readonly asked: Asked;
  /** What its sender has put into it: to see it again says nothing. */
  readonly sent: ReadonlySet<string>;
  /** For people. */
  readonly sql: string;
  readonly operation: NonNullable<ArgumentFault["shown"]>["operation"];
  /** What it came to, where it was sent before. */
  readonly answer?: CallAnswer;
}

export interface Watched {
  readonly caller: Caller;
  readonly database: CallDatabase;
  /** Hidden rows, by the oid of their table. */
  readonly hidden: ReadonlyMap<string, HiddenTable>;
  readonly known: Known;
  /** Relations in which the role can read what is written to these tables. */
  readonly shows: (oids: ReadonlySet<string>) => readonly RelationInfo[];
}

/** A value that was not to be seen before. */
interface Seen {
  /** The relation that was read; empty: it came back with the statement. */
  readonly where: string;
  readonly column: string;
  readonly value: string;
}

/** A relation in which it may be seen what a statement wrote. */
interface Place {
  readonly name: string;
  readonly asked: Asked;
  /** That were read there. */
  readonly rows: number | undefined;
}

interface Looked {
  readonly one: Shower;
  /** Rows that came back. */
  readonly rows: number;
  readonly places: readonly Place[];
  readonly hidden: readonly HiddenTable[];
  readonly seen: readonly Seen[];
}

/** Statements whose counterfactuals are asked, and counterfactuals of a statement. */
const lookedAtMost = 12;
const changesAtMost = 48;

/** The first value that a statement shows and that depends on rows which its sender may not read. */
export async function shownFault(
  showers: readonly Shower[],
  watched: Watched,
): Promise<ArgumentFault | undefined> {
  const { caller, database } = watched;
  const sent = await Promise.all(
    showers.map(async (one) => ({ one, first: one.answer ?? (await database.call(caller, one.asked)) })),
  );
  const looked = await Promise.all(
    sent.map(({ one, first }) => (first.code === undefined ? look(one, first, watched) : undefined)),
  );
  for (const one of telling(looked.filter((found) => found !== undefined))) {
    const fault = await dependent(one, watched);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** What a statement shows that is neither known nor sent, nor was to be seen before. */
async function look(one: Shower, first: CallAnswer, watched: Watched): Promise<Looked | undefined> {
  const { caller, database, known } = watched;
  const hidden = withoutOwn(
    [...first.read].flatMap((oid) => watched.hidden.get(oid) ?? []),
    caller,
  );
  if (hidden.length === 0) return undefined;
  const reads = watched
    .shows(first.touched)
    .map((info) => askedRows(info, info.privileges[caller.role.name]?.select ?? []));
  const written = database.written(first.touched);
  const before = await Promise.all(reads.map((read) => database.reads(caller, read)));
  const answer = await database.again(caller, one.asked, [...reads, ...written]);
  if (!wentThrough(answer)) return undefined;
  const places = reads.map((asked, index): Place => {
    const rows = answer.afterwards[index]?.length;
    return { name: formatQualified(asked), asked, rows };
  });
  // A row that was there before, and that can be read now, is the search for escalation's.
  const stored = valuesIn(answer.afterwards.slice(reads.length));
  const old = valuesIn(before);
  const found = [...seenIn(answer, places).values()]
    // What a call returns is compared with rows as a whole.
    .filter(({ where, value }) => (where === "" ? one.operation !== "call" : stored.has(value)))
    .filter(({ value }) => value !== "" && !isTruth(value) && !old.has(value))
    .filter(({ value }) => !one.sent.has(value) && !known.hasValue(value));
  if (found.length === 0) return undefined;
  // A sequence, a random value and the clock come back, and are stored, otherwise each time. Whether it is read twice is asked of what
  // depends on hidden rows: no value is read twice, because it was written, that is not stored twice.
  const again = await database.again(caller, one.asked, written);
  const back = seenIn({ rows: first.rows, afterwards: [] }, []);
  const storedAgain = valuesIn(again.afterwards);
  const seen = found.filter((each) =>
    each.where === "" ? back.has(keyOf(each)) : storedAgain.has(each.value),
  );
  return seen.length === 0 ? undefined : { one, rows: answer.rows.length, places, hidden, seen };
}

function wentThrough({ code, deferred }: OtherAnswer): boolean {
  return code === undefined && deferred === undefined;
}

/** Each value once, by the statement that shows it first; those first that hidden rows hold. */
function telling(all: readonly Looked[]): readonly Looked[] {
  const known = new Set<string>();
  const once = all.flatMap((one) => {
    const seen = one.seen.filter((found) => !known.has(keyOf(found)));
    for (const found of seen) known.add(keyOf(found));
    return seen.length === 0 ? [] : [{ ...one, seen }];
  });
  const held = ({ hidden, seen }: Looked): boolean =>
    seen.some(({ value }) => hidden.some((table) => holdersOf(table, value).length > 0));
  return once.toSorted((a, b) => Number(held(b)) - Number(held(a))).slice(0, lookedAtMost);
}

async function dependent(looked: Looked, watched: Watched): Promise<ArgumentFault | undefined> {
  const { one, places, hidden, seen } = looked;
  const changes = counterfactuals(hidden, seen).slice(0, changesAtMost);
  // Where what was seen is still there, nothing else that is read can matter.
  const near = places.filter(({ name }) => seen.some(({ where }) => where === name));
  const gone = await Promise.all(changes.map((change) => goneWith(change, near, looked, watched)));
  const suspected = changes.filter((_, index) => gone[index]?.length !== 0);
  let again: ReadonlyMap<string, Seen> | undefined;
  for (const change of suspected) {
    again ??= seenIn(await watched.database.again(watched.caller, one.asked, askedIn(places)), places);
    const all = await goneWith(change, places, looked, watched);
    const found = all.find((each) => again?.has(keyOf(each)));
    if (found !== undefined) return faultOf(one, found, change.table);
  }
  return undefined;
}

/** What is not seen any more once hidden rows are changed, as far as that says anything of them. */
async function goneWith(
  { statements, tells }: Counterfactual,
  places: readonly Place[],
  { one, rows, seen }: Looked,
  { caller, database }: Watched,
): Promise<readonly Seen[]> {
  const other = await database.otherwise(statements, caller, one.asked, askedIn(places));
  // Foreign keys, or the policies themselves, may need the rows: where others come back, nothing is known.
  if (other === undefined || !wentThrough(other) || other.rows.length !== rows) return [];
  if (places.some((place, index) => other.afterwards[index]?.length !== place.rows)) return [];
  const still = seenIn(other, places);
  return seen.filter((each) => !still.has(keyOf(each)) && tells(each));
}

function askedIn(places: readonly Place[]): readonly Asked[] {
  return places.map(({ asked }) => asked);
}

interface Counterfactual {
  readonly statements: readonly Change[];
  readonly table: Table;
  /** Whether a value that is gone then says anything of the hidden rows. */
  readonly tells: (seen: Seen) => boolean;
}

function counterfactuals(hidden: readonly HiddenTable[], seen: readonly Seen[]): readonly Counterfactual[] {
  const removals = [hidden, ...(hidden.length > 1 ? hidden.map((one) => [one]) : [])].flatMap(
    (gone): readonly Counterfactual[] => {
      const holder =
        gone.find((one) => seen.some(({ value }) => holdersOf(one, value).length > 0)) ?? gone[0];
      if (holder === undefined) return [];
      const statements = gone.map(({ table, rows }) => deletion(table.info, rows));
      return [{ statements, table: holder.table, tells: ({ value }) => !isSmall(value) }];
    },
  );
  const changed = hidden.flatMap(({ table, rows }) =>
    table.info.columns.flatMap(({ name, type }): readonly Counterfactual[] => {
      const other = otherValue(quoteIdent(name), type);
      if (other === undefined || table.info.primaryKey.includes(name)) return [];
      const sql = `update ${quoteQualified(table.info)} set ${quoteIdent(name)} = ${other} where ${rowsAt(rows)}`;
      // A small number counts rows as often as it is a value of one of them.
      const tells = ({ value }: Seen): boolean =>
        !isSmall(value) || (value.length > 1 && rows.some(({ values }) => values.get(name) === value));
      return [{ statements: [{ info: table.info, sql }], table, tells }];
    }),
  );
  const holds = ({ table }: Counterfactual): boolean =>
    hidden.some((one) => one.table === table && seen.some(({ value }) => holdersOf(one, value).length > 0));
  return [...removals, ...changed.toSorted((a, b) => Number(holds(b)) - Number(holds(a)))];
}

/** Another value of the same type and length. */
function otherValue(column: string, type: string): string | undefined {
  if (familyOf(type) === "text")
    return `pg_catalog.overlay(${column}::text placing case when pg_catalog.left(${column}::text, 1) = 'x' then 'y' else 'x' end from 1 for 1)`;
  if (familyOf(type) === "number" || /^(?:real|double)/.test(type)) return `${column} + 1`;
  if (/^(?:date|timestamp)/.test(type)) return `${column} + interval '1 day'`;
  return type === "uuid" ? "pg_catalog.gen_random_uuid()" : undefined;
}

function isSmall(value: string): boolean {
  return /^-?\d{1,3}$/.test(value);
}

/** Rows that hold the value, whole or within a longer one. */
function holdersOf({ rows }: HiddenTable, value: string): HiddenTable["rows"] {
  return rows.filter(({ values }) =>
    [...spellingsOf(values)].some((held) => held === value || (held.length >= 4 && value.includes(held))),
  );
}

function valuesIn(reads: OtherAnswer["afterwards"]): ReadonlySet<string> {
  return new Set(reads.flatMap((rows) => (rows ?? []).flatMap((row) => [...row.values()])));
}

function keyOf({ where, column, value }: Seen): string {
  return JSON.stringify([where, column, value]);
}

/** In what came back, and in what was read in these places. */
function seenIn(
  { rows, afterwards }: Pick<OtherAnswer, "rows" | "afterwards">,
  places: readonly Place[],
): ReadonlyMap<string, Seen> {
  const found = new Map<string, Seen>();
  const add = (where: string, all: readonly AnswerRow[]): void => {
    for (const row of all)
      for (const [column, value] of row) found.set(keyOf({ where, column, value }), { where, column, value });
  };
  add("", rows);
  for (const [index, { name }] of places.entries()) add(name, afterwards[index] ?? []);
  return found;
}

function faultOf({ sql, operation }: Shower, { where, column, value }: Seen, from: Table): ArgumentFault {
  return {
    kind: "stores",
    argument: column,
    value,
    whose: "",
    relation: formatQualified(from.info),
    rows: 0,
    keys: [],
    shown: { operation, where: where === "" ? undefined : where },
    sql: where === "" ? sql : `${sql}; select ${quoteIdent(column)} from ${where}`,
  };
}

/** Relations that the role can read, and that show rows of these tables: themselves, and views of them at any remove. */
export function showing(
  { relations }: Pick<Catalog, "relations">,
  { role }: Caller,
): (oids: ReadonlySet<string>) => readonly RelationInfo[] {
  return (oids) => {
    const names = new Set(relations.filter(({ oid }) => oids.has(oid)).map(formatQualified));
    for (let size = 0; size !== names.size;) {
      size = names.size;
      for (const one of relations)
        if (one.reads.some((read) => names.has(formatQualified(read)))) names.add(formatQualified(one));
    }
    return relations.filter((one) => {
      const { select, schemaUsage } = one.privileges[role.name] ?? { select: [], schemaUsage: false };
      return names.has(formatQualified(one)) && schemaUsage && select.length > 0;
    });
  };
}
