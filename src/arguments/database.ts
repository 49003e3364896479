import { fillSql } from "../lib/sql-file.ts";
import { type QualifiedName, quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { RelationInfo, RoutineInfo } from "../model/catalog.ts";
import { callSql } from "../probe/sql/source.ts";
import { insertSql } from "../probe/sql/statements.ts";
import type { TextRow } from "../probe/what-to-write.ts";
import {
  type ActingAs,
  isError,
  type ProofSession,
  type Step,
  type StepAnswer,
} from "../prove/ask/session.ts";
import { type AnswerRow, answerRows, type HiddenTable } from "./answers.ts";
import { type Caller, type Table, type TableInfo, type TableRow, valuesOf, type Variant } from "./world.ts";

/** Rows of a table that are read; larger ones are compared as far as that. */
const rowsAtMost = 2_000;
/** Rows of an answer that are looked at. */
const answerAtMost = 500;

/** What one call came to. */
export interface CallAnswer {
  /** SQLSTATE; `undefined`: it went through, deferred constraints included. */
  readonly code: string | undefined;
  readonly rows: readonly AnswerRow[];
  /** As it came. */
  readonly text: string | null;
  /** Tables that it read rows of, and those of which it changed or deleted rows. */
  readonly read: ReadonlySet<string>;
  readonly written: ReadonlySet<string>;
}

/** All questions go through one transaction, and each is undone before the next. */
export class CallDatabase {
  readonly #session: ProofSession;
  readonly privileged: ActingAs;
  readonly #counts: Step;

  constructor(session: ProofSession, privileged: ActingAs, tables: readonly TableInfo[]) {
    this.#session = session;
    this.privileged = privileged;
    const oids = quoteLiteral(`{${tables.map(({ oid }) => oid).join(",")}}`);
    const indexes = quoteLiteral(`{${tables.map((one) => `"${one.indexes.join(",")}"`).join(",")}}`);
    this.#counts = { as: privileged, sql: fillSql("call_counts.sql", { oids, indexes }), rows: true };
  }

  /** One text as the privileged connection reads it; `undefined`: it could not. */
  async ask(sql: string): Promise<string | undefined> {
    const answer = await this.#session.ask(this.privileged, sql);
    return isError(answer) || !("value" in answer) ? undefined : (answer.value ?? undefined);
  }

  async table(info: TableInfo): Promise<Table> {
    const rows = parseRows(await this.ask(rowsSql(info)));
    return { info, rows, cut: rows.length >= rowsAtMost };
  }

  async call(caller: Caller, asked: Asked): Promise<CallAnswer> {
    const answers = await this.#session.run([this.#counts, ...callSteps(caller, asked), this.#counts]);
    const [before, answer, constraints, after] = answers;
    const code = codeOf(answer) ?? codeOf(constraints);
    const text = answer !== undefined && "value" in answer ? answer.value : null;
    const [was, is] = [countsOf(before), countsOf(after)];
    const grown = (from: number): ReadonlySet<string> =>
      new Set(
        Object.keys(is).filter((oid) => is[oid]?.slice(from).some((n, i) => n > (was[oid]?.[from + i] ?? 0))),
      );
    return {
      code,
      text,
      rows: code === undefined ? answerRows(text) : [],
      read: grown(0),
      written: code === undefined ? writtenIn(was, is) : new Set(),
    };
  }

  /** The answer once these rows are gone; `undefined`: they could not be removed. */
  async without(
    gone: readonly HiddenTable[],
    caller: Caller,
    asked: Asked,
  ): Promise<Omit<CallAnswer, "read" | "written"> | undefined> {
    const role = (mode: string): Step => ({
      as: this.privileged,
      sql: `set local session_replication_role = ${mode}`,
      rows: false,
      goOn: true,
    });
    const deletes = gone.map(
      ({ table, rows }): Step => ({ as: this.privileged, sql: deleteSql(table.info, rows), rows: false }),
    );
    const answers = await this.#session.run([
      role("replica"),
      ...deletes,
      role("origin"),
      ...callSteps(caller, asked),
    ]);
    const removed = answers.slice(1, 1 + deletes.length);
    if (removed.length < deletes.length || removed.some(isError)) return undefined;
    const answer = answers[2 + deletes.length];
    const text = answer !== undefined && "value" in answer ? answer.value : null;
    const code = codeOf(answer);
    return { code, rows: code === undefined ? answerRows(text) : [], text: code ?? text };
  }

  /** Each of these tables as the call leaves it. */
  async after(
    tables: readonly Table[],
    caller: Caller,
    asked: Asked,
  ): Promise<readonly (readonly TableRow[] | undefined)[]> {
    const steps = tables.map(({ info }): Step => ({ as: this.privileged, sql: rowsSql(info), rows: true }));
    const answers = await this.#session.run([...callSteps(caller, asked), ...steps]);
    return tables.map((_, index) => {
      const answer = answers[2 + index];
      return answer === undefined || isError(answer) || !("value" in answer)
        ? undefined
        : parseRows(answer.value ?? undefined);
    });
  }
}

/** What is asked as a caller: one text, the rows that come back as JSON. */
export interface Asked extends QualifiedName {
  readonly sql: string;
}

export function askedCall(routine: RoutineInfo, variant: Variant): Asked {
  return { schema: routine.schema, name: routine.name, sql: answerSql(routine, variant) };
}

/** What an INSERT gives back of the row that it stored. */
export function askedInsert(info: RelationInfo, values: TextRow, columns: readonly string[]): Asked {
  const sql = `with rowgate_row as (${insertedSql(info, values, columns)}) select pg_catalog.json_agg(pg_catalog.to_json(rowgate_row.*))::text from rowgate_row`;
  return { schema: info.schema, name: info.name, sql };
}

/** For people, too. */
export function insertedSql(info: RelationInfo, values: TextRow, columns: readonly string[]): string {
  return `${insertSql(info, values)} returning ${columns.map(quoteIdent).join(", ")}`;
}

function callSteps(caller: Caller, { schema, name, sql }: Asked): readonly Step[] {
  const as = caller.as(schema, name);
  return [
    { as, sql, rows: true },
    { as, sql: "set constraints all immediate", rows: false },
  ];
}

/** One text: the rows that come back, as JSON. */
function answerSql(routine: RoutineInfo, { values }: Variant): string {
  const call = callSql({ routine, values });
  if (routine.returns === "nothing") return `select nullif((${call})::text, '')`;
  const [source, row] =
    routine.returns === "row"
      ? [`(select * from ${call} limit ${answerAtMost}) as rowgate_row`, "pg_catalog.to_json(rowgate_row.*)"]
      : routine.returns === "record"
        ? [`(select (${call})::text) as rowgate_row(rowgate_value)`, valueRow(routine.name)]
        : [
            `(select * from ${call} limit ${answerAtMost}) as rowgate_row(rowgate_value)`,
            valueRow(routine.name),
          ];
  return `select coalesce(pg_catalog.json_agg(${row}), '[]')::text from ${source}`;
}

function valueRow(name: string): string {
  return `pg_catalog.json_build_object(${quoteLiteral(name)}, rowgate_value)`;
}

/** For people. */
export function shownCallSql(routine: RoutineInfo, { values }: Variant): string {
  const call = callSql({ routine, values });
  return routine.returns === "row" ? `select * from ${call}` : `select ${call}`;
}

function rowsSql(info: TableInfo): string {
  return fillSql("call_rows.sql", { table: quoteQualified(info), most: String(rowsAtMost) });
}

function parseRows(text: string | undefined): readonly TableRow[] {
  const rows = JSON.parse(text ?? "[]") as readonly [string, string, Readonly<Record<string, unknown>>][];
  return rows.map(([place, at, row]) => ({ place, at, values: valuesOf(row) }));
}

function arrayOf(texts: readonly string[]): string {
  return quoteLiteral(`{${texts.map((one) => `"${one}"`).join(",")}}`);
}

function deleteSql(info: TableInfo, rows: readonly TableRow[]): string {
  const at = arrayOf(rows.map((one) => one.at));
  const places = arrayOf([...new Set(rows.map(({ place }) => place))]);
  return `delete from ${quoteQualified(info)} where ctid = any (${at}::tid[]) and tableoid = any (${places}::oid[])`;
}

type Counts = Readonly<Record<string, readonly number[]>>;

function countsOf(answer: StepAnswer | undefined): Counts {
  return answer !== undefined && "value" in answer ? (JSON.parse(answer.value ?? "{}") as Counts) : {};
}

/** Inserts alone leave the existing rows unchanged. */
function writtenIn(was: Counts, is: Counts): ReadonlySet<string> {
  return new Set(
    Object.keys(is).filter((oid) =>
      [2, 3].some((index) => (is[oid]?.[index] ?? 0) > (was[oid]?.[index] ?? 0)),
    ),
  );
}

function codeOf(answer: StepAnswer | undefined): string | undefined {
  if (answer === undefined) return "RGACT";
  return isError(answer) ? answer.code : undefined;
}
