import { parseStatements } from "../lib/sql-tree.ts";
import type { QualifiedName } from "../lib/sql-text.ts";
import type { RoleInfo } from "../model/catalog.ts";
import type { Witness } from "../model/proof.ts";
import { always, type Command, type Condition, joinedConditions } from "./analyse/policy.ts";
import type { ProofColumn, ProofRelation } from "./analyse/schema.ts";
import { part, printExpression } from "./analyse/tree.ts";
import { freshValues, isTextual } from "./analyse/types.ts";
import type { Row } from "./ask/evaluate.ts";
import { privileged } from "./ask/step.ts";
import { truthsOf } from "./compared.ts";
import type { Context } from "./context.ts";
import { contrast } from "./contrast.ts";
import { filledRows, insertSql } from "./show/rows.ts";

/** Which rows of a table are wanted: some of each kind that the conditions tell apart. */
export interface WantedRows {
  readonly role: RoleInfo;
  /** The table's policies for this command count as well. */
  readonly command: Command;
  /** What is declared of the rows; what the table has no columns for counts for nothing. */
  readonly conditions: readonly string[];
  /** A view through which they are seen: its own WHERE counts as well. */
  readonly view: QualifiedName | undefined;
  /** A column in which they hold a value. */
  readonly holding: string | undefined;
}

/** A row that can be tried, and the statement that puts it in. */
export interface RowToPutIn {
  readonly setup: string;
  readonly witness: Witness;
  /** A view shows it by itself, joined with nothing: a row more is this one. */
  readonly alone?: boolean;
  /** Rows that are there are changed. */
  readonly changes?: boolean;
}

const rowsOfAKind = 4;

/** Rows that the data may lack, the likeliest to be stored first. */
export async function rowsToPutIn(context: Context, wanted: WantedRows): Promise<readonly RowToPutIn[]> {
  const { knowledge, space, as } = context;
  const { relation } = space;
  const view = wanted.view && knowledge.schema.relation(wanted.view.schema, wanted.view.name);
  const reaching = [
    knowledge.condition(relation, wanted.role.inherits, wanted.command, "old", true),
    ...whereOf(view, relation).map((text) => knowledge.declared(relation, text)),
  ].filter((one) => one?.tree !== undefined);
  const declared = wanted.conditions
    .map((text) => knowledge.declared(relation, text))
    .filter(({ tree }) => tree !== undefined);
  const sides = [allOf(reaching as readonly Condition[]), allOf(declared)] as const;
  const { rows } = await contrast(context, ...sides, true);
  const all = rows.length === 0 ? [{}] : rows;
  const truths = await truthsOf(
    context,
    sides.map((condition, index) => ({ condition, as: index === 0 ? as : privileged })),
    all.map((row) => ({ row })),
  );
  const kinds = new Map<string, Row[]>();
  for (const [index, row] of all.entries()) {
    const kind = truths.map((one) => (one[index] === "T" ? "T" : "F")).join("");
    kinds.set(kind, [...(kinds.get(kind) ?? []), row]);
  }
  const filled = await Promise.all(
    ["TT", "TF", "FT", "FF"].map((kind) => filledRows(space, kinds.get(kind) ?? [], undefined)),
  );
  const rounds = Array.from({ length: rowsOfAKind }, (_, index) => filled.flatMap((one) => one[index] ?? []));
  // What a view or a function compares with is not known: a row of each sort besides.
  const sorts = await filledRows(space, assorted(relation, context.identities), undefined);
  return [...rounds.slice(0, 1).flat(), ...sorts.slice(0, 6), ...rounds.slice(1).flat()].flatMap(
    ({ row, witness }, index) => {
      const whole = holding(relation, apart(relation, row, witness, index), witness, wanted.holding);
      return whole === undefined ? [] : [{ setup: insertSql(space, whole, true), witness: whole }];
    },
  );
}

/** Rows without NULL, with the persona's identity in each column that takes it, and each label of an enum. */
function assorted({ columns }: ProofRelation, identities: readonly string[]): readonly Row[] {
  const open = columns.filter(
    ({ generated, identity, expression }) => !generated && identity === null && expression === null,
  );
  const full: Row = Object.fromEntries(
    open
      .filter(({ notNull }) => !notNull)
      .flatMap((column) => {
        const value = someValue(column);
        return value === undefined ? [] : [[column.name, value] as const];
      }),
  );
  const named = columns
    .filter((one) => one.base === "uuid" || isTextual(one))
    .flatMap((column) =>
      identities
        .filter((one) => column.base !== "uuid" || isUuid.test(one))
        .map((one): Row => ({ ...full, [column.name]: one })),
    );
  const labelled = columns.flatMap((column) =>
    (column.labels ?? (column.base === "boolean" ? ["true", "false"] : [])).map(
      (one): Row => ({ ...full, [column.name]: one }),
    ),
  );
  return [full, ...named.slice(0, 6), ...labelled.slice(0, 6)];
}

const isUuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

function someValue(column: ProofColumn): string | undefined {
  return column.labels?.[0] ?? (column.base === "boolean" ? "true" : freshValues(column, 1)[0]);
}

function allOf(conditions: readonly Condition[]): Condition {
  return conditions.length === 0 ? always(true) : joinedConditions("and", conditions);
}

/** Keys that no other of these rows has: two of them may have to be there at once. */
function apart(
  { columns, uniques, foreignKeys }: ProofRelation,
  row: Row,
  witness: Witness,
  index: number,
): Row {
  const chosen = new Set([...Object.keys(witness), ...foreignKeys.flatMap((one) => one.columns)]);
  const keys = columns.filter(
    ({ name }) =>
      typeof row[name] === "string" &&
      !chosen.has(name) &&
      uniques.some(([one, ...more]) => one === name && more.length === 0),
  );
  const fresh = keys.flatMap((column) => {
    const value = freshValues(column, 10 + index)[9 + index];
    return value === undefined ? [] : [[column.name, value] as const];
  });
  return { ...row, ...Object.fromEntries(fresh) };
}

/** A value in the column: any, unless the conditions have asked for NULL. */
function holding(
  { columns }: ProofRelation,
  row: Row,
  witness: Witness,
  name: string | undefined,
): Row | undefined {
  const column = columns.find((one) => one.name === name);
  if (column === undefined || column.generated || typeof row[column.name] === "string") return row;
  if (Object.hasOwn(witness, column.name)) return undefined;
  const value = someValue(column);
  return value === undefined ? undefined : { ...row, [column.name]: value };
}

/** The WHERE of a view over this table alone, whose names are the table's. */
function whereOf(view: ProofRelation | undefined, { schema, name }: ProofRelation): readonly string[] {
  if (view?.definition === undefined || view.definition === null) return [];
  try {
    const select = part(parseStatements(view.definition)[0], "SelectStmt");
    const [from, ...others] = select?.fromClause ?? [];
    const table = part(from, "RangeVar");
    if (table === undefined || others.length > 0 || select?.whereClause === undefined) return [];
    if (table.relname !== name || (table.schemaname ?? schema) !== schema || table.alias !== undefined)
      return [];
    return [printExpression(select.whereClause)];
  } catch {
    return [];
  }
}
