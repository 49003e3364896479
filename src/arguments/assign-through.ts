import { quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import type { ColumnInfo, RelationInfo } from "../model/catalog.ts";
import type { AssignmentObservation } from "../model/observation.ts";
import { isError, type Step } from "../prove/ask/step.ts";
import { assignable, type Assigning, insertOf, literalSql, valuesFor } from "./assign.ts";
import type { Material } from "./assign-material.ts";
import { triggersThatChoose } from "./trigger-bodies.ts";
import type { Caller, TableRow } from "./world.ts";

// What a column takes from others that are sent: by a trigger, or because it is generated.

/** Values of a column, and columns, that are tried. */
const atMost = { values: 12, columns: 8 };

/** The moment of the statement, which no sender chooses. */
const moment = "rowgate:now";

export interface Through {
  readonly operation: "insert" | "update";
  /** Columns of which this is asked: what a statement put into each is read at once. */
  readonly columns: readonly ColumnInfo[];
  readonly info: RelationInfo;
  readonly caller: Caller;
  readonly material: Material;
  readonly assigning: Assigning;
  /** UPDATE: a row that the persona may change; INSERT: a candidate that it may insert. */
  readonly row: TableRow | undefined;
  readonly candidate: Readonly<Record<string, string | null>> | undefined;
}

/** @returns `undefined` where nothing that the persona sends for another column decides what this one holds */
export async function takenFromOthers(
  column: ColumnInfo,
  through: Through,
): Promise<AssignmentObservation["through"]> {
  const { operation, info, caller, material } = through;
  const writable = assignable(info, caller.persona.role, operation);
  const isWritable = (name: string): boolean =>
    writable.some((one) => one.name === name) || (material.derived[name] ?? []).some(isWritable);
  const triggers = material.triggers.filter(({ events }) => events.includes(operation));
  const derived = isWritable(column.name) && column.generated;
  if (triggers.length === 0 && !derived) return undefined;
  const others = writable.filter(({ name }) => name !== column.name).slice(0, atMost.columns);
  const seen = await Promise.all(others.map(async (other) => followed(column, other, through)));
  const [shown] = seen
    .flatMap((one) => one ?? [])
    .toSorted((a, b) => Number(b.value !== undefined) - Number(a.value !== undefined));
  const named = triggersThatChoose(column.name, { ...material, name: info.name, triggers }, isWritable);
  const by = derived ? "its expression" : named.map(({ name }) => `the trigger ${name}`).join(", ");
  if (shown !== undefined) return { by: by === "" ? "a trigger" : by, ...shown };
  return by === "" ? undefined : { by };
}

type Followed = Omit<NonNullable<AssignmentObservation["through"]>, "by">;

interface Answered {
  readonly value: string | null;
  readonly sql: string;
  readonly held: string;
}

/** The column holds another value when another value is sent for the other one. */
async function followed(
  column: ColumnInfo,
  other: ColumnInfo,
  through: Through,
): Promise<Followed | undefined> {
  const { operation, info, caller, material, assigning, row, candidate } = through;
  const standing = operation === "update" ? row?.values.get(other.name) : candidate?.[other.name];
  const values = [
    ...(other.type === column.type ? valuesFor(column, material, caller, assigning.callers) : []),
    ...valuesFor(other, material, caller, assigning.callers),
  ].filter((one) => one !== standing);
  const tried = [standing ?? null, ...new Set(values)].slice(0, atMost.values);
  const answersTo = async (value: string | null, time: Time): Promise<readonly Answered[]> => {
    const sql =
      operation === "update" ? updateOf(info, row, other, value) : insertion(info, candidate, other, value);
    const held = sql === undefined ? undefined : await holds(sql, column, through, time);
    return sql === undefined || held === undefined || held === JSON.stringify([moment])
      ? []
      : [{ value, sql, held }];
  };
  const once = (await Promise.all(tried.map((value) => answersTo(value, "first")))).flat();
  if (once.every(({ held }) => held === once[0]?.held)) return undefined;
  // What differs each time says nothing.
  const twice = (await Promise.all(once.map(async ({ value }) => answersTo(value, "again")))).map(
    ([one]) => one,
  );
  const all = once.filter(({ held }, index) => held === twice[index]?.held);
  const before = operation === "update" ? row?.values.get(column.name) : undefined;
  const differs = all.find(({ held }) => held !== all[0]?.held);
  if (differs === undefined) return undefined;
  const sent = all.find(
    ({ value, held }) => value !== null && value !== before && held === JSON.stringify([value]),
  );
  return sent === undefined
    ? { column: other.name, sql: differs.sql }
    : { column: other.name, sql: sent.sql, value: sent.value ?? undefined };
}

function updateOf(
  info: RelationInfo,
  row: TableRow | undefined,
  { name }: ColumnInfo,
  value: string | null,
): string | undefined {
  if (row === undefined) return undefined;
  const where = info.primaryKey.map(
    (one) => `${quoteIdent(one)} = ${literalSql(row.values.get(one) ?? null)}`,
  );
  const set = `update ${quoteQualified(info)} set ${quoteIdent(name)} = ${literalSql(value)}`;
  return where.length === 0 ? set : `${set} where ${where.join(" and ")}`;
}

function insertion(
  info: RelationInfo,
  candidate: Readonly<Record<string, string | null>> | undefined,
  { name }: ColumnInfo,
  value: string | null,
): string | undefined {
  return candidate && insertOf(info, candidate, name, value ?? "").sql;
}

type Time = "first" | "again";

/**
 * What the column holds in the rows that a statement wrote, but for the moment of it. The statement is the same for each column but its
 * own, and is sent once for all of them; a column that cannot be read keeps no other from it.
 */
async function holds(
  sql: string,
  column: ColumnInfo,
  { columns, info, caller, assigning: { session, database } }: Through,
  time: Time,
): Promise<string | undefined> {
  const as = caller.as(info.schema, info.name);
  const answers = await session.runOnce([
    { as, sql, rows: false },
    { as, sql: "set constraints all immediate", rows: false },
    ...columns.map(
      (one): Step => ({
        as: database.privileged,
        // Asked again in other words it is another question, and the statement is sent again.
        sql: time === "first" ? heldSql(one, info) : `${heldSql(one, info)} -- again`,
        rows: true,
        goOn: true,
        // No policy is part of it, and no value: its plan says the same after each statement.
        planned: true,
      }),
    ),
  ]);
  const [sent, constraints] = answers;
  const answer = answers[2 + columns.indexOf(column)];
  return isError(sent) || isError(constraints) || answer === undefined || !("value" in answer)
    ? undefined
    : (answer.value ?? undefined);
}

function heldSql({ name: column, type }: ColumnInfo, info: RelationInfo): string {
  const name = quoteIdent(column);
  const value = /^(?:date|timestamp)/.test(type)
    ? `case when ${name} = pg_catalog.now()::${type} then '${moment}' else ${name}::text end`
    : `${name}::text`;
  return `select coalesce(pg_catalog.json_agg(${value} order by ${value}), '[]')::text from ${quoteQualified(info)} where pg_catalog.age(xmin) < 0`;
}
