import type { ColumnInfo, RoleInfo, RoutineInfo } from "../model/catalog.ts";
import type { FunctionSpec, Persona } from "../model/matrix.ts";
import type { QualifiedName } from "../lib/sql-text.ts";
import type { ActingAs } from "../prove/ask/step.ts";

// What calls are made of, and what their answers are compared with. Values are text, as JSON prints a scalar.

export type Values = ReadonlyMap<string, string>;

/** An existing row. */
export interface TableRow {
  /** Partition and ctid: they hold within the transaction that everything is asked in. */
  readonly place: string;
  readonly at: string;
  readonly values: Values;
}

export interface TableInfo extends QualifiedName {
  readonly oid: string;
  readonly columns: readonly Pick<ColumnInfo, "name" | "type">[];
  /** Oids. */
  readonly indexes: readonly string[];
  readonly primaryKey: readonly string[];
  /** A trigger, or a foreign key, acts when its rows change. */
  readonly hasTriggers: boolean;
}

export interface Table {
  readonly info: TableInfo;
  readonly rows: readonly TableRow[];
  /** There are more rows than were read. */
  readonly cut: boolean;
}

/** A persona that policies bind, as it calls. */
export interface Caller {
  readonly persona: Persona;
  readonly role: RoleInfo;
  /** `sub`, `email`, settings: what names it in rows and arguments. */
  readonly identities: readonly string[];
  /** In the session that a call of a function of this schema has. */
  readonly as: (schema: string, name: string) => ActingAs;
}

/** A function that some persona can call. */
export interface Callable {
  readonly routine: RoutineInfo;
  /** `undefined`: the matrix does not declare it. */
  readonly spec: FunctionSpec | undefined;
  readonly body: CallBody;
}

/** What the body of a function names: values for its arguments come from there. */
export interface CallBody {
  /** Keys that it reads of JSON. */
  readonly jsonKeys: readonly string[];
  /** Its literals. */
  readonly texts: readonly string[];
  readonly numbers: readonly string[];
  /** Of the enums among its arguments' types. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** It runs SQL that it puts together. */
  readonly runsSql: boolean;
}

/** A value for an argument. */
export interface Candidate {
  readonly text: string | null;
  /** For people: `luis`, `a row of public.orders`. */
  readonly whose: string;
}

/** One call: which argument is another one than in the call that it comes from. */
export interface Variant {
  readonly values: Readonly<Record<string, string | null>>;
  readonly argument: string | undefined;
  readonly candidate: Candidate;
  /** The matrix declares this very call to go through. */
  readonly declared: boolean;
}

/** The leaves of a JSON object, by their keys: scalars that are not NULL. Nested objects are leaves of their own rows. */
export function valuesOf(row: Readonly<Record<string, unknown>>): Values {
  return new Map(
    Object.entries(row).flatMap(([name, value]) => {
      const text = textOf(value);
      return text === undefined ? [] : [[name, text] as const];
    }),
  );
}

/** A scalar, or a list or mapping as its JSON, keys in order. */
export function textOf(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  return typeof value === "object"
    ? JSON.stringify(value, inOrder)
    : String(value as string | number | boolean);
}

function inOrder(_: string, value: unknown): unknown {
  return typeof value !== "object" || value === null || Array.isArray(value)
    ? value
    : Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The primary key of a row, or the whole row. */
export function keyValues(
  { info }: Table,
  { values }: TableRow,
): Readonly<Record<string, string | undefined>> {
  const key = info.primaryKey.length > 0 ? info.primaryKey : info.columns.map(({ name }) => name);
  return Object.fromEntries(key.map((name) => [name, values.get(name)]));
}

const keysShown = 3;

/** For people: the keys of the first rows, as JSON. */
export function keysOf(table: Table, rows: readonly TableRow[]): readonly string[] {
  return rows.slice(0, keysShown).map((row) => JSON.stringify(keyValues(table, row)));
}
