import type { Node } from "libpg-query";
import { formatQualified, quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import { type Named, namedIn } from "./analyse/named.ts";
import type { ProofColumn, ProofRelation, Schema } from "./analyse/schema.ts";
import { isJson, isNumeric, isTemporal, isTextual } from "./analyse/types.ts";
import type { Opener } from "./analyse/openers.ts";
import { fieldsOf, walk } from "./analyse/tree.ts";
import type { Context } from "./context.ts";
import type { OtherRow } from "./made-rows.ts";
import { strangersId } from "./own.ts";
import { standingRows, typedLiteral } from "./show/rows.ts";
import { inColumn, spaceOf } from "./tied-values.ts";

// In which state a row is: a column that has few values, or that is compared with constants or with another column.

/** What a row set names, columns that the policies name as well, and constants of both. */
export interface Said extends Named {
  readonly byBoth: ReadonlySet<string>;
  /** Stretches of time that the policies alone name. */
  readonly spans: readonly string[];
}

const longestText = 24;
const atMost = { texts: 6, constants: 12, rows: 200, spans: 2 };
const span = /^\s*[+-]?\s*\d+\s*(?:sec|min|hour|day|week|mon|year)|^\d+:\d\d/i;

export function saidBy(schema: Schema, declared: Node, policy: Node): Said {
  const [own, others] = [namedIn(declared, schema), namedIn(policy, schema)];
  return {
    columns: own.columns,
    byBoth: new Set([...own.columns].filter((name) => others.columns.has(name))),
    texts: new Set([...own.texts].filter((one) => one.length < longestText).slice(0, atMost.texts)),
    compared: new Map(
      [...own.compared].map(([name, constants]) => [
        name,
        new Set([...constants, ...(others.compared.get(name) ?? [])].slice(0, atMost.constants)),
      ]),
    ),
    bounded: own.bounded,
    ordered: own.ordered,
    nullable: own.nullable,
    spans: [...others.texts].filter((one) => span.test(one) && !own.texts.has(one)).slice(0, atMost.spans),
  };
}

/**
 * Columns that are compared with constants, or with another column of the row, or asked whether they are NULL, and that say neither what a
 * row is called, since other rows hold the same or they are compared by more than equality, nor where it belongs.
 */
export async function statesIn(
  context: Context,
  relation: ProofRelation,
  { compared, bounded, ordered, nullable }: Said,
): Promise<(column: ProofColumn) => boolean> {
  const rows = (await standingRows(spaceOf(context, relation))).map(({ row }) => row);
  const isBounded = (name: string): boolean =>
    bounded.has(name) || relation.columns.some((one) => ordered.get(name)?.has(one.name) === true);
  const isShared = (name: string): boolean =>
    rows.length < 2 || new Set(rows.map((row) => row[name])).size < rows.length;
  return ({ name }) =>
    (isBounded(name) || ((compared.has(name) || nullable.has(name)) && isShared(name))) &&
    !relation.foreignKeys.some(({ columns }) => columns.includes(name)) &&
    !relation.uniques.some((one) => one.length === 1 && one[0] === name);
}

/** Of a column that says in which state a row is; none of one that names it. */
export function stateValues(column: ProofColumn, said: Said, isState: boolean): readonly (string | null)[] {
  const { expression } = column;
  const values = otherValues(column, said);
  if (values.some((one) => one !== null)) return values;
  const isConstant = expression !== null && /^(?:'[^']*'|-?[\d.]+)(?:::[\w ".]+)?$/.test(expression);
  const isTold = isState || isConstant || (isTextual(column) && said.byBoth.has(column.name));
  return isTold ? [...anyValues(column, said), ...values] : [];
}

/** What a condition may tell apart from the value that a row has. */
export function valuesBeside(
  column: ProofColumn,
  value: string | null,
  said: Said,
  isState: boolean,
): readonly (string | null)[] {
  // Of a column that the row leaves out: that it holds something may be what counts.
  const unset = value !== null ? [] : isTextual(column) ? ["rowgate"] : isNumeric(column) ? ["1"] : [];
  const others = isState ? anyValues(column, said) : [];
  return [...unset, ...others, ...otherValues(column, said)].filter((one) => one !== value);
}

function anyValues(column: ProofColumn, { texts, compared, nullable }: Said): readonly string[] {
  if (column.labels !== null) return [];
  const constants = [...(compared.get(column.name) ?? [])];
  // Its length is compared with a number.
  const none = constants.some((one) => /^\d+$/.test(one)) ? [""] : [];
  if (isTextual(column)) return [...new Set(["rowgate", ...constants, ...texts, ...none])];
  if (column.base === "uuid") return nullable.has(column.name) ? [strangersId] : [];
  if (!isNumeric(column)) return [];
  const beside = constants.flatMap((one) => [-1, 0, 1].map((step) => Number(one) + step));
  return [...new Set([-1, 1_000_000, ...beside])].filter(Number.isFinite).map(String);
}

/** What has ended today may count for some days more. */
const moments = ["2000-01-01", "today", "2100-01-01"];

function otherValues(column: ProofColumn, { texts }: Said): readonly (string | null)[] {
  const { base, element, labels, notNull, generated, identity } = column;
  if (generated || identity !== null) return [];
  const documents = [...texts].flatMap((key) =>
    ["true", "false"].map((is) => `{"${key.replaceAll(/["\\]/g, "\\$&")}": ${is}}`),
  );
  const usual =
    labels ??
    (base === "boolean"
      ? ["true", "false"]
      : isTemporal(column)
        ? moments
        : isJson(column)
          ? documents
          : element !== null
            ? ["{}"]
            : []);
  return [...usual, ...(notNull ? [] : [null])];
}

/** What a column is set to. */
interface Assigned {
  readonly column: string;
  readonly value: string | null;
  readonly sql: string;
}

/** What one way through a query asks of a row of a table. */
interface AskedOf {
  readonly constants: readonly Assigned[];
  /** Columns of which it asks anything. */
  readonly columns: ReadonlySet<string>;
}

/**
 * The rows of a table in another state: one column at a time, and beside what a way through the policies asks of other columns, where it asks
 * nothing of this one.
 * @param ways through the policies
 * @param of conditions by which the rows are found
 */
export function changesOf(
  relation: ProofRelation,
  said: Said,
  isState: (column: ProofColumn) => boolean,
  ways: readonly Opener[],
  of: readonly string[],
): readonly OtherRow[] {
  const named = relation.columns.filter(({ name }) => said.columns.has(name));
  const states = named.flatMap((column) => [
    ...stateValues(column, said, isState(column)).map((value) => assigned(column, value)),
    ...(isState(column) ? valuesOfOthers(relation, column, said) : []),
    ...(said.nullable.has(column.name) ? keysFor(relation, column) : []),
    ...(isTemporal(column) ? said.spans.flatMap((one) => momentsWithin(column, one)) : []),
  ]);
  const beside = askedOf(relation, ways).flatMap(({ constants, columns }) =>
    states.filter(({ column }) => !columns.has(column)).map((state) => [...constants, state]),
  );
  return [...states.map((one) => [one]), ...beside].map((sets) => changeTo(relation, sets, of));
}

function assigned(column: ProofColumn, value: string | null): Assigned {
  return { column: column.name, value, sql: typedLiteral(column, inColumn(column, value)) };
}

/** `uses < max_uses`: as much as the other holds. */
function valuesOfOthers(
  { columns }: ProofRelation,
  { name, base }: ProofColumn,
  said: Said,
): readonly Assigned[] {
  const others = said.ordered.get(name);
  return columns
    .filter((one) => one.name !== name && one.base === base && others?.has(one.name) === true)
    .map((one) => ({ column: name, value: one.name, sql: quoteIdent(one.name) }));
}

/** It points to a row in place of none. */
function keysFor({ foreignKeys }: ProofRelation, { name }: ProofColumn): readonly Assigned[] {
  return foreignKeys.flatMap(({ columns, to, referenced: [key] }) => {
    if (columns.length > 1 || columns[0] !== name || key === undefined) return [];
    const sql = `(select ${quoteIdent(key)} from ${quoteQualified(to)} limit 1)`;
    return [{ column: name, value: sql, sql }];
  });
}

/** What ended within that time, and what begins within it. */
function momentsWithin({ name, type, base }: ProofColumn, text: string): readonly Assigned[] {
  return [`- 0.9 *`, base === "date" ? "+" : "+ 0.9 *"].map((by) => {
    const value = `(pg_catalog.now() ${by} ${quoteLiteral(text)}::interval)::${type}`;
    return { column: name, value, sql: value };
  });
}

function askedOf(relation: ProofRelation, ways: readonly Opener[]): readonly AskedOf[] {
  return ways.flatMap(({ items, ties, unmet }) =>
    items.flatMap((item) => {
      if (item.relation !== relation) return [];
      const asked = ties.flatMap(({ slots, constant }) =>
        slots.filter((slot) => slot.item === item).map(({ column }) => ({ column, constant })),
      );
      const constants = asked.flatMap(({ column: name, constant }) => {
        const column = relation.columns.find((one) => one.name === name);
        return column === undefined || constant === undefined ? [] : [assigned(column, constant)];
      });
      const columns = new Set(asked.map(({ column }) => column));
      walk(
        unmet.map(({ node }) => node),
        (node) => {
          columns.add(fieldsOf(node)?.at(-1) ?? "");
        },
      );
      return constants.length === 0 ? [] : [{ constants, columns }];
    }),
  );
}

function changeTo(relation: ProofRelation, sets: readonly Assigned[], of: readonly string[]): OtherRow {
  const table = quoteQualified(relation);
  const set = sets.map(({ column, sql }) => `${quoteIdent(column)} = ${sql}`).join(", ");
  const found = of.length > 0 ? ` where ${of.join(" and ")}` : "";
  const sql = `update ${table} set ${set} where ctid = any (array(select ctid from ${table}${found} limit ${atMost.rows}))`;
  const words = `${set} in rows of ${formatQualified(relation)}`;
  const row = Object.fromEntries(sets.map(({ column, value }) => [column, value]));
  return { relation, row, sql, words, changes: true };
}

/** All rows of a table, where they are few. */
export function deletionOf(relation: ProofRelation): string {
  const table = quoteQualified(relation);
  return `delete from ${table} where ctid = any (array(select ctid from ${table} limit ${atMost.rows}))`;
}
