import { inTurn } from "../lib/grouped.ts";
import { quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import type { ColumnInfo, RelationInfo } from "../model/catalog.ts";
import { assignments, insertSql, literal, returningSql } from "../probe/sql/statements.ts";
import type { TextRow } from "../probe/what-to-write.ts";
import { assignable, valuesFor } from "./assign.ts";
import type { Material } from "./assign-material.ts";
import { askedWrite } from "./database.ts";
import type { Shower } from "./shown.ts";
import type { Caller, TableRow } from "./world.ts";

// A default, a generated column, a trigger or a rule runs for every role that writes, and what it has read may come to light in the row:
// such a write is a call. These are the writes that are tried.

/** Statements for a persona, relation and operation; values of a column. */
const statementsAtMost = 32;
const valuesAtMost = 5;

interface Writing {
  readonly info: RelationInfo;
  readonly caller: Caller;
  readonly material: Material;
  readonly callers: readonly Caller[];
  /** Whether what runs with the write names the column: then its value may decide what is read. */
  readonly names: (column: string) => boolean;
}

/** Rows that the persona may insert, and each with others' identities and other values in one column. */
export function insertions(accepted: readonly TextRow[], writing: Writing): readonly Shower[] {
  const { info, caller } = writing;
  const columns = assignable(info, caller.role.name, "insert");
  const variants = accepted.flatMap((row) =>
    columns.map((column) =>
      valuesOf(column, row[column.name] ?? null, writing).map((value) => ({
        ...row,
        [column.name]: value,
      })),
    ),
  );
  return [...accepted, ...inTurn(variants)]
    .slice(0, statementsAtMost)
    .map((row) => shower("insert", insertSql(info, row), Object.values(row), writing));
}

/** Rows that the persona may update, with each column as it is, and with other values. */
export function updates(
  rows: readonly TableRow[],
  key: readonly string[],
  writing: Writing,
): readonly Shower[] {
  const { info, caller } = writing;
  const columns = assignable(info, caller.role.name, "update");
  return rows.flatMap((row, place) => {
    const where = whereOf(row, key);
    if (where === undefined) return [];
    const variants = columns.map((column) => {
      const own = row.values.get(column.name) ?? null;
      const others = valuesOf(column, own, writing);
      const all = others.length === 0 || writing.names(column.name) ? [own, ...others] : others;
      return all.map((value) => ({ [column.name]: value }));
    });
    return inTurn(variants)
      .slice(0, place === 0 ? statementsAtMost : columns.length)
      .map((values) => {
        const sql = `update ${quoteQualified(info)} set ${assignments(values)} where ${where}`;
        return shower("update", sql, Object.values(values), writing);
      });
  });
}

export function deletions(
  rows: readonly TableRow[],
  key: readonly string[],
  writing: Writing,
): readonly Shower[] {
  return rows.flatMap((row) => {
    const where = whereOf(row, key);
    if (where === undefined) return [];
    return [shower("delete", `delete from ${quoteQualified(writing.info)} where ${where}`, [], writing)];
  });
}

function shower(
  operation: Shower["operation"],
  sql: string,
  sent: readonly (string | null)[],
  { info, caller }: Writing,
): Shower {
  const columns = info.privileges[caller.role.name]?.select ?? [];
  return {
    operation,
    sent: new Set(sent.filter((value) => value !== null)),
    asked: askedWrite(info, sql, columns),
    sql: `${sql}${returningSql(columns)}`,
  };
}

/** Others' identities first: a trigger looks up whom the row names. */
function valuesOf(
  column: ColumnInfo,
  own: string | null,
  { material, caller, callers, names }: Writing,
): readonly string[] {
  const all = valuesFor(column, material, caller, callers).filter((value) => value !== own);
  const named = callers.flatMap(({ identities }) => identities);
  return all
    .toSorted((a, b) => Number(named.includes(b)) - Number(named.includes(a)))
    .slice(0, names(column.name) ? valuesAtMost : 1);
}

function whereOf({ values }: TableRow, key: readonly string[]): string | undefined {
  if (key.length === 0 || key.some((name) => !values.has(name))) return undefined;
  return key.map((name) => `${quoteIdent(name)} = ${literal(values.get(name) ?? null)}`).join(" and ");
}
