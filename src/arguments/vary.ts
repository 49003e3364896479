import { formatQualified } from "../lib/sql-text.ts";
import { isCode } from "../model/answers.ts";
import type { ArgumentFault } from "../model/argument-fault.ts";
import type { Catalog } from "../model/catalog.ts";
import type { Declaration, Matrix } from "../model/matrix.ts";
import { bindCallPredicate } from "../plan/bind-call.ts";
import { bindPredicate } from "../plan/columns.ts";
import { controlOf } from "../plan/function.ts";
import { constantDefaults } from "../plan/routine.ts";
import { type HiddenTable, isTruth, Known, singleValue, suspicionsOf } from "./answers.ts";
import { confirmed, isListed, showsFault } from "./beside.ts";
import { askedCall, type CallAnswer, type CallDatabase, shownCallSql } from "./database.ts";
import { keptBack, type Reach, reachOf, rowsOf, withoutColumns, withoutOwn } from "./reach.ts";
import { shownFault, showing } from "./shown.ts";
import { sqlArguments } from "./sql-argument.ts";
import { givenBy, variantsOf } from "./variants.ts";
import {
  type Callable,
  type Caller,
  keysOf,
  keyValues,
  type Table,
  type TableRow,
  type Variant,
} from "./world.ts";

/** Everything that calls are made and judged with. */
export interface Calling {
  readonly matrix: Matrix;
  readonly catalog: Catalog;
  readonly database: CallDatabase;
  readonly callers: readonly Caller[];
  readonly tables: readonly Table[];
}

/** What the calls of one function by one persona came to. */
export interface Varied {
  readonly faults: readonly ArgumentFault[];
  /** It answers yes or no about others. */
  readonly answersAboutOthers: boolean;
  /** Why it was not called with other arguments; `undefined`: it was. */
  readonly left: string | undefined;
  readonly calls: number;
}

interface Called {
  readonly variant: Variant;
  readonly answer: CallAnswer;
}

/** Calls whose answers are asked again without the rows that they seem to come from; calls whose changes are compared. */
const confirmedAtMost = 4;
const comparedAtMost = 16;

/** What a persona knows and may change is the same for every function and relation: asked once. */
export function reaches(calling: Calling): (caller: Caller) => Promise<Reach> {
  const known = new Map<Caller, Promise<Reach>>();
  return (caller) => {
    const reach = known.get(caller) ?? reachOf(caller, calling.tables, calling, calling.database);
    known.set(caller, reach);
    return reach;
  };
}

export async function vary(
  callable: Callable,
  caller: Caller,
  reach: Reach,
  calling: Calling,
): Promise<Varied> {
  const { routine, spec, body } = callable;
  const { callers, tables, matrix, database } = calling;
  const others = callers.filter((one) => one !== caller && one.identities.length > 0);
  const { catalog } = calling;
  const sql = sqlArguments(routine, { caller, others, tables }, { catalog, runsSql: body.runsSql });
  const variants = variantsOf(callable, { caller, others, tables, sql }, matrix);
  const none = { faults: [], answersAboutOthers: false, calls: 1 };
  const [first, ...rest] = variants;
  if (first === undefined) return { ...none, left: undefined };
  const one = { variant: first, answer: await database.call(caller, askedCall(routine, first)) };
  if (isCode(one.answer.code ?? "", "cancelled")) return { ...none, left: "a call takes too long" };
  const called: readonly Called[] = [
    one,
    ...(await Promise.all(
      rest.map(async (variant) => ({
        variant,
        answer: await database.call(caller, askedCall(routine, variant)),
      })),
    )),
  ];
  const open = called.filter(({ answer }) => answer.code === undefined);
  const said = spec?.declarations.find(({ persona }) => persona === caller.persona.name);
  const bound = await boundOf(callable, caller, said, calling);
  if (bound === "anything") return { ...none, left: undefined, calls: called.length };
  // What shows another's value comes before what shows the caller's own.
  const varied = open.toSorted(
    (a, b) => Number(b.variant.argument !== undefined) - Number(a.variant.argument !== undefined),
  );
  const context: Context = { callable, caller, reach, calling, open: varied, bound, said };
  const known = await knownTo(context);
  const returned = await returnedFault(context, known);
  const faults = [
    returned,
    await writtenFault(context),
    await storedFault(context, known),
    ...(returned === undefined ? [await answeredFault(context, known)] : []),
  ].filter((fault) => fault !== undefined);
  return { faults, answersAboutOthers: answersTruth(context), left: undefined, calls: called.length };
}

interface Context {
  readonly callable: Callable;
  readonly caller: Caller;
  readonly reach: Reach;
  readonly calling: Calling;
  /** Calls that went through. */
  readonly open: readonly Called[];
  /** Rows of the control relation that any call may return or change. */
  readonly bound: readonly TableRow[];
  readonly said: Declaration | undefined;
}

/** What `any_argument` lets any call return. */
async function boundOf(
  { routine, spec }: Callable,
  { persona }: Caller,
  said: Declaration | undefined,
  { matrix, catalog, database }: Calling,
): Promise<readonly TableRow[] | "anything"> {
  if (said?.anyArgument === undefined || spec === undefined) return [];
  if (said.anyArgument.kind === "allow") return "anything";
  const control = controlOf(spec, routine, catalog);
  if (control === undefined) return [];
  const bind = (predicate: string): string =>
    bindPredicate(predicate, { matrix, persona, column: undefined });
  return rowsOf(said.anyArgument, control, undefined, bind, database);
}

/** What the persona may read, what any call may return, and what the declared calls may. */
async function knownTo({ callable, caller, calling, reach, open, bound, said }: Context): Promise<Known> {
  const { routine, spec } = callable;
  const { matrix, catalog, database } = calling;
  const control = spec && controlOf(spec, routine, catalog);
  const declared = open.filter(({ variant }) => variant.declared);
  const results = declared.flatMap(({ answer }) => answer.rows);
  if (control === undefined || said?.expectation.kind !== "rows")
    return new Known([...reach.known, ...valuesIn(bound), ...results]);
  // Of declared rows the control says which values they hold, and of other columns the matrix does where it lists them.
  const { expectation } = said;
  const rows = await Promise.all(
    declared.map(({ variant: { values } }) =>
      rowsOf(
        expectation,
        control,
        undefined,
        (predicate) =>
          bindCallPredicate(predicate, {
            persona: caller.persona,
            vars: matrix.vars,
            values,
            column: undefined,
            defaults: constantDefaults(routine),
          }),
        database,
      ),
    ),
  );
  const columns = new Set(control.columns.map(({ name }) => name));
  const besides = results.map(
    (row) => new Map([...row].filter(([name]) => !columns.has(name) && isListed(spec, said, name))),
  );
  const kept = keptBack(control, caller, calling, new Set(routine.columns.map(({ name }) => name)));
  const shown = valuesIn(rows.flat()).map((row) => withoutColumns(row, kept));
  return new Known([...reach.known, ...valuesIn(bound), ...shown, ...besides]);
}

function valuesIn(rows: readonly TableRow[]): readonly TableRow["values"][] {
  return rows.map(({ values }) => values);
}

/** Hidden rows of the tables that the call has read, whatever it read them by. */
function readBy(answer: CallAnswer, { reach }: Context): readonly HiddenTable[] {
  return [...answer.read].flatMap((oid) => reach.hidden.get(oid) ?? []);
}

/** A single value tells the caller nothing new where it is in a row that names the caller. */
function comparedWith(answer: CallAnswer, context: Context): readonly HiddenTable[] {
  const hidden = readBy(answer, context);
  return answer.rows.some(({ size }) => size > 1) ? hidden : withoutOwn(hidden, context.caller);
}

async function returnedFault(context: Context, known: Known): Promise<ArgumentFault | undefined> {
  const { callable, caller, calling } = context;
  let asked = 0;
  for (const { variant, answer } of context.open) {
    const hidden = answer.rows.length === 0 ? [] : comparedWith(answer, context);
    if (hidden.length === 0) continue;
    const comparison = { hidden, known, given: givenBy(variant) };
    if (asked >= confirmedAtMost * 3) return undefined;
    const carried = new Set(callable.spec?.carries);
    const found = answer.rows
      .map((row) => new Map([...row].filter(([name]) => !carried.has(name))))
      .flatMap((row) => suspicionsOf(row, comparison));
    asked += Math.min(found.length, confirmedAtMost);
    const asking = { database: calling.database, caller, asked: askedCall(callable.routine, variant) };
    const suspicion = await confirmed(found.slice(0, confirmedAtMost), asking);
    if (suspicion === undefined) continue;
    if (variant.declared && suspicion.beside !== undefined)
      return showsFault(suspicion, shownCallSql(callable.routine, variant));
    const rows = found.filter(({ table }) => table === suspicion.table).flatMap((one) => one.rows);
    return faultOf("returns", variant, suspicion.table, rows, context);
  }
  return undefined;
}

/** A number or a name that depends on rows which the caller may not read, and that do not name it. */
async function answeredFault(context: Context, known: Known): Promise<ArgumentFault | undefined> {
  const { callable, caller, calling } = context;
  if (callable.routine.returns === "nothing") return undefined;
  const mayDepend = context.open.filter(({ variant, answer }) => {
    const value = singleValue(answer.rows);
    if (value === undefined || isTruth(value) || variant.declared) return false;
    return !givenBy(variant).has(value) && readBy(answer, context).length > 0;
  });
  for (const { variant, answer } of mayDepend.slice(0, confirmedAtMost)) {
    const about = [...givenBy(variant)];
    const value = singleValue(answer.rows) ?? "";
    if (about.some((text) => known.together(text, value))) continue;
    const hidden = withoutOwn(readBy(answer, context), caller);
    if (hidden.length === 0) continue;
    const again = await calling.database.without([], caller, askedCall(callable.routine, variant));
    const without = await calling.database.without(hidden, caller, askedCall(callable.routine, variant));
    if (without === undefined || again?.text !== answer.text || without.text === answer.text) continue;
    const [first] = hidden;
    if (first !== undefined) return faultOf("answers", variant, first.table, [], context);
  }
  return undefined;
}

/** Rows that a call has changed or deleted, though its caller may not. */
async function writtenFault(context: Context): Promise<ArgumentFault | undefined> {
  const { callable, caller, calling, reach, bound } = context;
  const writing = context.open.filter(({ answer }) => answer.written.size > 0);
  const own = writing.filter(({ variant }) => variant.declared);
  const allowed = new Set(bound.map(({ place, at }) => `${place} ${at}`));
  for (const one of own.slice(0, comparedAtMost))
    for (const { row } of await changedBy(one)) allowed.add(`${row.place} ${row.at}`);
  for (const one of writing.filter(({ variant }) => !variant.declared).slice(0, comparedAtMost)) {
    const beyond = (await changedBy(one)).filter(
      ({ row, how }) => !allowed.has(`${row.place} ${row.at}`) && !reach.mayWrite(row, how),
    );
    const [first] = beyond;
    if (first === undefined) continue;
    const rows = beyond.filter(({ table }) => table === first.table).map(({ row }) => row);
    return faultOf("writes", one.variant, first.table, rows, context);
  }
  return undefined;

  async function changedBy({ variant, answer }: Called): Promise<readonly Change[]> {
    const tables = calling.tables.filter(({ info, cut }) => answer.written.has(info.oid) && !cut);
    const after = await calling.database.after(tables, caller, askedCall(callable.routine, variant));
    return tables.flatMap((table, index) => changesOf(table, after[index]));
  }
}

/** What a call has written where its caller can read it, from rows that the caller may not read. */
function storedFault(
  { callable: { routine }, caller, calling: { database, catalog }, reach, open }: Context,
  known: Known,
): Promise<ArgumentFault | undefined> {
  const showers = open
    .filter(({ variant, answer }) => answer.touched.size > 0 && !variant.declared)
    .slice(0, comparedAtMost)
    .map(({ variant, answer }) => ({
      answer,
      asked: askedCall(routine, variant),
      sent: givenBy(variant),
      sql: shownCallSql(routine, variant),
      operation: "call" as const,
    }));
  return shownFault(showers, {
    caller,
    database,
    hidden: reach.hidden,
    known,
    shows: showing(catalog, caller),
  });
}

interface Change {
  readonly table: Table;
  readonly row: TableRow;
  readonly how: "update" | "delete";
}

function changesOf(table: Table, after: readonly TableRow[] | undefined): readonly Change[] {
  if (after === undefined) return [];
  const keyOf = (row: TableRow): string => JSON.stringify(keyValues(table, row));
  const now = new Map(after.map((row) => [keyOf(row), row]));
  return table.rows.flatMap((row): readonly Change[] => {
    const is = now.get(keyOf(row));
    if (is === undefined) return [{ table, row, how: "delete" }];
    return spelled(is) === spelled(row) ? [] : [{ table, row, how: "update" }];
  });
}

function spelled({ values }: TableRow): string {
  return JSON.stringify([...values]);
}

/** Yes and no, by turns, from rows that are hidden: an oracle, if a small one. */
function answersTruth(context: Context): boolean {
  const truths = context.open
    .filter(({ answer }) => readBy(answer, context).length > 0)
    .flatMap(({ answer }) => answer.rows.flatMap((row) => (row.size === 1 ? [...row.values()] : [])))
    .filter(isTruth);
  return new Set(truths).size > 1;
}

function faultOf(
  kind: ArgumentFault["kind"],
  variant: Variant,
  table: Table,
  rows: readonly TableRow[],
  { callable }: Context,
): ArgumentFault {
  const distinct = [...new Set(rows)];
  return {
    kind,
    argument: variant.argument,
    value: variant.candidate.text,
    whose: variant.candidate.whose,
    relation: formatQualified(table.info),
    rows: distinct.length,
    keys: keysOf(table, distinct),
    sql: shownCallSql(callable.routine, variant),
  };
}
