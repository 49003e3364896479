import { fillSql } from "../lib/sql-file.ts";
import { type QualifiedName, quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { RelationInfo, RoutineInfo } from "../model/catalog.ts";
import { callSql } from "../probe/sql/source.ts";
import { returningSql } from "../probe/sql/statements.ts";
import { type ProofSession } from "../prove/ask/session.ts";
import { type ActingAs, isError, type Step, type StepAnswer } from "../prove/ask/step.ts";
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
  /** Tables that it read rows of, those of which it changed or deleted rows, and those that it wrote at all. */
  readonly read: ReadonlySet<string>;
  readonly written: ReadonlySet<string>;
  readonly touched: ReadonlySet<string>;
}

/** What a call came to, on other rows or once more: what it has read and written is not counted. */
export interface OtherAnswer extends Pick<CallAnswer, "code" | "rows" | "text"> {
  /** SQLSTATE of a constraint that is checked at the end of the transaction. */
  readonly deferred: string | undefined;
  /** What its caller read afterwards: one for each question, `undefined` where it failed. */
  readonly afterwards: readonly (readonly AnswerRow[] | undefined)[];
}

/** All questions go through one transaction, and each is undone before the next. */
export class CallDatabase {
  readonly #session: ProofSession;
  readonly privileged: ActingAs;
  readonly #counts: Step;
  readonly #counters: readonly Counter[];
  readonly #tables: readonly TableInfo[];

  constructor(session: ProofSession, privileged: ActingAs, tables: readonly TableInfo[]) {
    this.#session = session;
    this.#tables = tables.toSorted((a, b) => Number(a.oid) - Number(b.oid));
    this.privileged = privileged;
    const own = this.#tables.map(({ oid }) => oid);
    const relations = this.#tables.flatMap(({ oid, indexes }) =>
      [oid, ...indexes].map((one) => ({ oid, one })),
    );
    this.#counters = [
      ...relations.map(({ oid }): Counter => ({ oid, of: "read" })),
      ...own.map((oid): Counter => ({ oid, of: "read" })),
      ...own.map((oid): Counter => ({ oid, of: "inserted" })),
      ...[...own, ...own].map((oid): Counter => ({ oid, of: "changed" })),
    ];
    const sql = fillSql("call_counts.sql", {
      relations: oidsOf(relations.map(({ one }) => one)),
      tables: oidsOf(own),
    });
    // It names no function of the database's own and takes no value: its plan says the same before each call and after it.
    this.#counts = { as: privileged, sql, rows: true, planned: true };
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
    const grown = this.#counters.filter((_, place) => (is[place] ?? 0) > (was[place] ?? 0));
    const tables = (...kinds: readonly Counter["of"][]): ReadonlySet<string> => {
      const oids = new Set(grown.filter(({ of }) => kinds.includes(of)).map(({ oid }) => oid));
      return new Set(this.#tables.map(({ oid }) => oid).filter((oid) => oids.has(oid)));
    };
    return {
      code,
      text,
      rows: code === undefined ? answerRows(text) : [],
      read: tables("read", "inserted", "changed"),
      // Inserts alone leave the rows that stand as they are.
      written: code === undefined ? tables("changed") : new Set(),
      touched: code === undefined ? tables("inserted", "changed") : new Set(),
    };
  }

  /** The same call once more, where it is known what it reads and writes. */
  async again(caller: Caller, asked: Asked, afterwards: readonly Asked[]): Promise<OtherAnswer> {
    const answers = await this.#session.run([
      ...callSteps(caller, asked),
      ...afterwards.map((one) => this.#readStep(caller, one)),
    ]);
    return otherAnswer(answers, afterwards.length);
  }

  /** What the caller can read as things are. */
  async reads(caller: Caller, asked: Asked): Promise<readonly AnswerRow[] | undefined> {
    const { as, sql } = this.#readStep(caller, asked);
    return rowsRead(await this.#session.ask(as, sql));
  }

  #readStep(caller: Caller, { schema, name, sql, privileged }: Asked): Step {
    if (privileged !== true) return { as: caller.as(schema, name), sql, rows: true, goOn: true };
    // No policy is part of it: its plan serves each call that writes to the table.
    return { as: this.privileged, sql, rows: true, goOn: true, planned: true };
  }

  /** The rows of these tables that the transaction has written: their age is none. */
  written(oids: ReadonlySet<string>): readonly Asked[] {
    return this.#tables
      .filter(({ oid }) => oids.has(oid))
      .map((info) => {
        const from = `${quoteQualified(info)} as rowgate_row where pg_catalog.age(rowgate_row.xmin) <= 0`;
        const sql = `select coalesce(pg_catalog.json_agg(pg_catalog.to_json(rowgate_row.*)), '[]')::text from ${from}`;
        return { schema: info.schema, name: info.name, sql, privileged: true };
      });
  }

  /** The answer once these rows are gone; `undefined`: they could not be removed. */
  without(gone: readonly Gone[], caller: Caller, asked: Asked): Promise<OtherAnswer | undefined> {
    return this.otherwise(
      gone.map(({ table, rows }) => deletion(table.info, rows)),
      caller,
      asked,
    );
  }

  /**
   * The answer once these statements have changed what it may rest on; `undefined`: one of them failed. To put triggers and foreign keys
   * aside makes Postgres plan everything anew, twice: it is done where there are some.
   */
  async otherwise(
    changes: readonly Change[],
    caller: Caller,
    asked: Asked,
    afterwards: readonly Asked[] = [],
  ): Promise<OtherAnswer | undefined> {
    const hasTriggers = changes.some(({ info }) => info.hasTriggers);
    const role = (mode: string): readonly Step[] =>
      hasTriggers
        ? [
            {
              as: this.privileged,
              sql: `set local session_replication_role = ${mode}`,
              rows: false,
              goOn: true,
            },
          ]
        : [];
    const all = await this.#session.run([
      ...role("replica"),
      ...changes.map(({ sql }): Step => ({ as: this.privileged, sql, rows: false })),
      ...role("origin"),
      ...callSteps(caller, asked),
      ...afterwards.map((one) => this.#readStep(caller, one)),
    ]);
    const answers = hasTriggers ? all.slice(1) : all;
    const changed = answers.slice(0, changes.length);
    if (changed.length < changes.length || changed.some(isError)) return undefined;
    return otherAnswer(answers.slice(changes.length + (hasTriggers ? 1 : 0)), afterwards.length);
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

/** Rows that are deleted before a question. */
type Gone = Pick<HiddenTable, "table" | "rows">;

/** What is asked as a caller: one text, the rows that come back as JSON. */
export interface Asked extends QualifiedName {
  readonly sql: string;
  /** Nothing comes back. */
  readonly silent?: boolean;
  /** The privileged connection asks it. */
  readonly privileged?: boolean;
}

export function askedCall(routine: RoutineInfo, variant: Variant): Asked {
  return { schema: routine.schema, name: routine.name, sql: answerSql(routine, variant) };
}

/** What a write gives back of the rows that it stored; `columns`: those that its sender may read. */
export function askedWrite(
  { schema, name, rules }: Pick<RelationInfo, "schema" | "name" | "rules">,
  sql: string,
  columns: readonly string[],
): Asked {
  // Of what a rule makes of a statement, WITH takes nothing.
  if (columns.length === 0 || rules.length > 0) return { schema, name, sql, silent: true };
  const back = `with rowgate_row as (${sql}${returningSql(columns)}) select pg_catalog.json_agg(pg_catalog.to_json(rowgate_row.*))::text from rowgate_row`;
  return { schema, name, sql: back };
}

/** What a role can read of a relation. */
export function askedRows(info: RelationInfo, columns: readonly string[]): Asked {
  const { schema, name } = info;
  const source = `select ${columns.map(quoteIdent).join(", ")} from ${quoteQualified(info)} limit ${rowsAtMost}`;
  const sql = `select coalesce(pg_catalog.json_agg(pg_catalog.to_json(rowgate_row.*)), '[]')::text from (${source}) as rowgate_row`;
  return { schema, name, sql };
}

function rowsRead(answer: StepAnswer | undefined): readonly AnswerRow[] | undefined {
  return answer !== undefined && "value" in answer ? answerRows(answer.value) : undefined;
}

function callSteps(caller: Caller, { schema, name, sql, silent }: Asked): readonly Step[] {
  const as = caller.as(schema, name);
  return [
    { as, sql, rows: silent !== true },
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

/** A statement that changes rows which an answer may rest on. */
export interface Change {
  readonly info: TableInfo;
  readonly sql: string;
}

export function deletion(info: TableInfo, rows: readonly TableRow[]): Change {
  return { info, sql: `delete from ${quoteQualified(info)} where ${rowsAt(rows)}` };
}

/** A condition that holds for exactly these rows. */
export function rowsAt(rows: readonly TableRow[]): string {
  const at = arrayOf(rows.map((one) => one.at));
  const places = arrayOf([...new Set(rows.map(({ place }) => place))]);
  return `ctid = any (${at}::tid[]) and tableoid = any (${places}::oid[])`;
}

/** One number of `call_counts.sql`: what it counts, of a table or its indexes. */
interface Counter {
  readonly oid: string;
  readonly of: "read" | "inserted" | "changed";
}

function oidsOf(oids: readonly string[]): string {
  return quoteLiteral(`{${oids.join(",")}}`);
}

function countsOf(answer: StepAnswer | undefined): readonly number[] {
  return answer !== undefined && "value" in answer
    ? (JSON.parse(answer.value ?? "[]") as number[][]).flat()
    : [];
}

/** Of a call and its deferred constraints, and of what is read after it. */
function otherAnswer(answers: readonly StepAnswer[], afterwards: number): OtherAnswer {
  const [answer, constraints, ...reads] = answers;
  const text = answer !== undefined && "value" in answer ? answer.value : null;
  const code = codeOf(answer);
  return {
    code,
    deferred: codeOf(constraints),
    rows: code === undefined ? answerRows(text) : [],
    text: code ?? text,
    afterwards: Array.from({ length: afterwards }, (_, index) => rowsRead(reads[index])),
  };
}

function codeOf(answer: StepAnswer | undefined): string | undefined {
  if (answer === undefined) return "RGACT";
  return isError(answer) ? answer.code : undefined;
}
