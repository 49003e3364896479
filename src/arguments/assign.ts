import { inTurn } from "../lib/grouped.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import { isCode } from "../model/answers.ts";
import type { ColumnInfo, RelationInfo } from "../model/catalog.ts";
import type { Declaration, Matrix } from "../model/matrix.ts";
import type { AssignmentObservation } from "../model/observation.ts";
import { bindCandidateValue, personaParameter } from "../model/parameters.ts";
import { bindPredicate } from "../plan/columns.ts";
import { familyOf, literalFor } from "../plan/subject.ts";
import { type ProofSession } from "../prove/ask/session.ts";
import { isError, type StepAnswer } from "../prove/ask/step.ts";
import type { Material } from "./assign-material.ts";
import type { CallDatabase } from "./database.ts";
import { around } from "./named-by-body.ts";
import { rowsOf } from "./reach.ts";
import { untilStored } from "./until-stored.ts";
import type { Caller, TableRow } from "./world.ts";

// Mass assignment: which columns of the rows that a persona may write take a value of its choice.

/** Rows of a relation that are tried; values of a column. */
const rowsAtMost = 2;
const valuesAtMost = 14;
const numbersAtMost = 9;
/** Values that were stored, as they are told. */
export const storedAtMost = 3;
/** A fixed column with another one beside it: values of it, of each other column, and statements. */
const besideAtMost = { values: 2, others: 8, statements: 48 };

export interface Assigning {
  readonly matrix: Matrix;
  readonly database: CallDatabase;
  readonly session: ProofSession;
  readonly callers: readonly Caller[];
  /** Where only that a column takes values matters, or which ones come first: how many of them. */
  readonly enough?: number | undefined;
}

/** Columns that the role can send a value for at all. */
export function assignable(
  info: RelationInfo,
  role: string,
  operation: "insert" | "update",
): readonly ColumnInfo[] {
  const granted = info.privileges[role]?.[operation] ?? [];
  return info.columns.filter(
    (column) => granted.includes(column.name) && !column.generated && column.identity !== "always",
  );
}

/** Tries values for one column of what the persona may update, or insert. */
export async function tryColumn(
  { operation, expectation, assignment }: Pick<Declaration, "operation" | "expectation" | "assignment">,
  column: ColumnInfo,
  info: RelationInfo,
  caller: Caller,
  material: Material,
  assigning: Assigning,
  candidates: readonly Readonly<Record<string, string | null>>[],
): Promise<AssignmentObservation> {
  const rows =
    operation === "update" ? await rowsThatMayChange({ expectation }, info, caller, assigning) : [];
  const bases =
    operation === "update"
      ? rows.map(({ values }) => values.get(column.name) ?? null)
      : candidates.map((one) => one[column.name] ?? null);
  const values = valuesFor(column, material, caller, assigning.callers).filter((value) =>
    bases.some((base) => base !== value),
  );
  const statements = values.flatMap((value) =>
    operation === "update"
      ? updates(info, column, value, rows)
      : candidates.map((candidate) => insertOf(info, candidate, column.name, value)),
  );
  const trying = async (all: readonly Statement[]): Promise<readonly Tried[]> =>
    Promise.all(
      all.map(async (sql) => ({
        sql,
        ...(await storedBy(sql.sql, sql.value, column, info, caller, assigning)),
      })),
    );
  const storing = async (tried: readonly Tried[]): Promise<readonly Tried[]> =>
    await chosen(
      tried.filter((one) => one.stored),
      column,
      info,
      caller,
      assigning,
    );
  const { enough } = assigning;
  const alone =
    enough === undefined
      ? await trying(statements)
      : await untilStored(statements, enough, async (some) => {
          const tried = await trying(some);
          return { tried, stored: await storing(tried) };
        });
  const isFixed = assignment?.fixed.some(({ name }) => name === column.name) === true;
  const more =
    isFixed && !alone.some((one) => one.stored)
      ? besideOthers(column, info, { caller, material, assigning, alone, rows, candidates })
      : [];
  const tried = [...alone, ...(await trying(more))];
  const stored = await storing(tried);
  return {
    kind: "assignment",
    operation: operation === "update" ? "update" : "insert",
    tried: tried.length,
    rows: operation === "update" ? rows.length : candidates.length,
    stored: [...new Set(stored.map(({ sql }) => sql.value))].slice(0, storedAtMost),
    sql: (stored[0] ?? tried[0])?.sql.sql,
    refusals: [...new Set(tried.flatMap(({ code }) => code ?? []))],
    putBack: tried.some((one) => one.code === undefined && !one.stored && one.touched > 0),
  };
}

export async function rowsThatMayChange(
  { expectation }: Pick<Declaration, "expectation">,
  info: RelationInfo,
  { persona }: Caller,
  { database, matrix }: Assigning,
): Promise<readonly TableRow[]> {
  const bind = (predicate: string): string =>
    bindPredicate(predicate, { matrix, persona, column: undefined });
  return (await rowsOf(expectation, info, undefined, bind, database)).slice(0, rowsAtMost);
}

interface Statement {
  readonly sql: string;
  readonly value: string;
  /** INSERT: the same row without the column. */
  readonly plain?: string;
}

interface Tried extends Awaited<ReturnType<typeof storedBy>> {
  readonly sql: Statement;
}

interface Beside {
  readonly caller: Caller;
  readonly material: Material;
  readonly assigning: Assigning;
  readonly alone: readonly Tried[];
  readonly rows: readonly TableRow[];
  readonly candidates: readonly Readonly<Record<string, string | null>>[];
}

/** A guard may let a value through together with another column's: values that the guard stopped alone, with each other column changed. */
function besideOthers(
  column: ColumnInfo,
  info: RelationInfo,
  { caller, material, assigning, alone, rows, candidates }: Beside,
): readonly Statement[] {
  const stopped = alone.filter(({ code = "" }) => !isCode(code, "constraint") && !isCode(code, "data"));
  const values = [...new Set(stopped.map(({ sql }) => sql.value))].slice(0, besideAtMost.values);
  const operation = rows.length > 0 ? "update" : "insert";
  const others = assignable(info, caller.persona.role, operation)
    .filter(({ name }) => name !== column.name && !info.primaryKey.includes(name))
    .map((other) =>
      valuesFor(other, material, caller, assigning.callers)
        .toSorted((a, b) => Number(isConstant(b, material)) - Number(isConstant(a, material)))
        .slice(0, besideAtMost.others)
        .flatMap((text) => values.map((value) => ({ value, beside: { [other.name]: text } }))),
    );
  return inTurn(others)
    .slice(0, besideAtMost.statements)
    .flatMap(({ value, beside }) =>
      operation === "update"
        ? updates(info, column, value, rows.slice(0, 1), beside).slice(0, 1)
        : candidates.slice(0, 1).map((one) => insertOf(info, { ...one, ...beside }, column.name, value)),
    );
}

function isConstant(value: string, { texts, numbers }: Material): boolean {
  return texts.includes(value) || numbers.includes(value);
}

/** An INSERT stores a default by itself: only what the same row without the column does not hold was chosen. */
async function chosen<T extends { readonly sql: Statement }>(
  stored: readonly T[],
  column: ColumnInfo,
  info: RelationInfo,
  caller: Caller,
  assigning: Assigning,
): Promise<readonly T[]> {
  const byItself = await Promise.all(
    stored.map(async ({ sql: { plain, value } }) =>
      plain === undefined ? false : (await storedBy(plain, value, column, info, caller, assigning)).stored,
    ),
  );
  return stored.filter((_, index) => byItself[index] !== true);
}

/** Row by row, and once without WHERE: then no SELECT policy is asked about the new row. */
function updates(
  info: RelationInfo,
  column: ColumnInfo,
  value: string,
  rows: readonly TableRow[],
  beside: Readonly<Record<string, string>> = {},
): readonly Statement[] {
  const assigned = Object.entries({ [column.name]: value, ...beside });
  const list = assigned.map(([name, text]) => `${quoteIdent(name)} = ${literalSql(text)}`).join(", ");
  const set = `update ${quoteQualified(info)} set ${list}`;
  const key = info.primaryKey;
  const each = rows.flatMap((row): readonly Statement[] => {
    if (key.length === 0 || row.values.get(column.name) === value) return [];
    const where = key.map((name) => `${quoteIdent(name)} = ${literalSql(row.values.get(name) ?? null)}`);
    return [{ sql: `${set} where ${where.join(" and ")}`, value }];
  });
  return rows.length === 0 ? [] : [...each, { sql: set, value }];
}

export function insertOf(
  info: RelationInfo,
  candidate: Readonly<Record<string, string | null>>,
  column: string,
  value: string,
): Statement {
  const { [column]: _own, ...others } = candidate;
  const names = Object.keys(others);
  const sqlOf = (row: Readonly<Record<string, string | null>>, of: readonly string[]): string =>
    `insert into ${quoteQualified(info)} (${of.map(quoteIdent).join(", ")}) values (${of.map((name) => literalSql(row[name] ?? null)).join(", ")})`;
  return {
    sql: sqlOf({ ...others, [column]: value }, [...names, column]),
    value,
    ...(names.length > 0 && { plain: sqlOf(others, names) }),
  };
}

export function literalSql(value: string | null): string {
  return value === null ? "null" : quoteLiteral(value);
}

/** Whether more rows hold the value afterwards than before: what a trigger puts back was not stored. */
async function storedBy(
  sql: string,
  value: string,
  column: ColumnInfo,
  info: RelationInfo,
  caller: Caller,
  { session, database }: Assigning,
): Promise<{ readonly stored: boolean; readonly code: string | undefined; readonly touched: number }> {
  const as = caller.as(info.schema, info.name);
  const count = `select count(*)::text from ${quoteQualified(info)} where ${quoteIdent(column.name)}::text = (${quoteLiteral(value)}::${column.type})::text`;
  // The same for all personas and statements with that value, since each is undone.
  const before = await session.ask(database.privileged, count);
  if (isError(before)) return { stored: false, code: before.code, touched: 0 };
  const answers = await session.run([
    { as, sql, rows: false },
    { as, sql: "set constraints all immediate", rows: false },
    { as: database.privileged, sql: count, rows: true },
  ]);
  const failed = answers.find(isError);
  const [did, , after] = answers;
  return {
    stored: failed === undefined && numberOf(after) > numberOf(before),
    code: failed?.code,
    touched: did !== undefined && "touched" in did ? did.touched : 0,
  };
}

function numberOf(answer: StepAnswer | undefined): number {
  return answer !== undefined && "value" in answer ? Number(answer.value) : 0;
}

/** What else the column could be given. */
export function valuesFor(
  column: ColumnInfo,
  { labels, texts, numbers, rows }: Material,
  { identities: own }: Caller,
  callers: readonly Caller[],
): readonly string[] {
  const { type, name } = column;
  const standing = [...new Set(rows.flatMap(({ values }) => values.get(name) ?? []))].filter(
    (one) => one.length < 500,
  );
  const named = standing.some((value) => callers.some(({ identities }) => identities.includes(value)));
  const identities = callers.flatMap((one) => one.identities).filter((one) => !own.includes(one));
  const all = [
    ...(labels[name] ?? []),
    ...(type === "boolean" ? ["true", "false"] : []),
    ...(named || type === "uuid"
      ? identities.flatMap((one) => literalFor(one, column) ?? []).slice(0, 3)
      : []),
    ...standing.slice(0, 3),
    ...(isText(type) ? texts : []),
    ...(isNumber(type) ? numbers.flatMap(around).slice(0, numbersAtMost) : []),
    ...fresh(type),
  ];
  return [...new Set(all)].slice(0, valuesAtMost);
}

function isText(type: string): boolean {
  return familyOf(type) === "text";
}

function isNumber(type: string): boolean {
  return familyOf(type) === "number" || /^(?:real|double precision)$/.test(type);
}

/** Values that no row needs to hold: a guard may look at the length of a text alone. */
function fresh(type: string): readonly string[] {
  if (isText(type)) return ["rowgate", "rowgate ".repeat(32).trimEnd()];
  if (isNumber(type)) return ["1", "30000"];
  if (/^(?:date|timestamp.*)$/.test(type)) return ["2001-02-03", "2101-02-03"];
  if (/^jsonb?$/.test(type)) return ['{"rowgate": true}'];
  if (type === "uuid") return ["5e5e5e5e-5e5e-4e5e-8e5e-5e5e5e5e5e5e"];
  return type.endsWith("[]") ? ["{}"] : [];
}

/** Candidates that the persona may insert, as it sends them. */
export function acceptedCandidates(
  spec: Matrix["relations"][number],
  { expectation }: Pick<Declaration, "expectation">,
  { persona }: Caller,
  vars: Matrix["vars"],
): readonly Readonly<Record<string, string | null>>[] {
  if (expectation.kind === "deny") return [];
  const accepted = spec.candidates.filter(
    ({ name }) => expectation.kind !== "candidates" || expectation.accept.includes(name),
  );
  return accepted.slice(0, rowsAtMost).flatMap(({ values }) => {
    try {
      const entries = Object.entries(values).map(
        ([name, value]) =>
          [name, bindCandidateValue(value, (of) => personaParameter(persona, vars, of))] as const,
      );
      return [Object.fromEntries(entries)];
    } catch {
      // A parameter has no value for this persona: it sends no such row.
      return [];
    }
  });
}
