import type { Node } from "libpg-query";
import { formatQualified, quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import { type Named, namedIn } from "./analyse/named.ts";
import type { ProofColumn, ProofRelation, Schema } from "./analyse/schema.ts";
import { isJson, isNumeric, isTemporal, isTextual } from "./analyse/types.ts";
import type { Context } from "./context.ts";
import type { OtherRow } from "./made-rows.ts";
import { standingRows, typedLiteral } from "./show/rows.ts";
import { spaceOf } from "./tied-values.ts";

// In which state a row is: a column that has few values, or that is compared with constants.

/** What a row set names, columns that the policies name as well, and constants of both. */
export interface Said extends Named {
  readonly byBoth: ReadonlySet<string>;
}

const longestText = 24;
const atMost = { texts: 6, constants: 12, rows: 200 };

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
  };
}

/** Columns that are compared with constants, and that say neither what a row is called, since other rows hold the same, nor where it belongs. */
export async function statesIn(
  context: Context,
  relation: ProofRelation,
  { compared }: Said,
): Promise<(column: ProofColumn) => boolean> {
  const rows = (await standingRows(spaceOf(context, relation))).map(({ row }) => row);
  return ({ name }) =>
    compared.has(name) &&
    !relation.foreignKeys.some(({ columns }) => columns.includes(name)) &&
    !relation.uniques.some((one) => one.length === 1 && one[0] === name) &&
    (rows.length < 2 || new Set(rows.map((row) => row[name])).size < rows.length);
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

function anyValues(column: ProofColumn, { texts, compared }: Said): readonly string[] {
  if (column.labels !== null) return [];
  const constants = [...(compared.get(column.name) ?? [])];
  if (isTextual(column)) return [...new Set(["rowgate", ...constants, ...texts])];
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

/** Rows of a table in another state. */
export function changeTo(
  relation: ProofRelation,
  column: ProofColumn,
  value: string | null,
  of: readonly string[],
): OtherRow {
  const table = quoteQualified(relation);
  const set = `${quoteIdent(column.name)} = ${typedLiteral(column, value)}`;
  const found = of.length > 0 ? ` where ${of.join(" and ")}` : "";
  const sql = `update ${table} set ${set} where ctid = any (array(select ctid from ${table}${found} limit ${atMost.rows}))`;
  const words = `${set} in rows of ${formatQualified(relation)}`;
  return { relation, row: { [column.name]: value }, sql, words, changes: true };
}
