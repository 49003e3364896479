import { loadParser, parseStatements } from "../lib/sql-tree.ts";
import type { ParsedSql, SqlParser } from "../model/lint.ts";

/** What lints ask of a text, by Postgres's own parser. */
export async function openSqlParser(): Promise<SqlParser> {
  await loadParser();
  const query = (text: string): ParsedSql | undefined => {
    try {
      return read(parseStatements(text));
    } catch {
      return undefined;
    }
  };
  return { query, expression: (text) => query(`select (${text}\n)`) };
}

interface Found {
  readonly columns: ParsedSql["columns"][number][];
  readsSessionUser: boolean;
  filters: boolean;
}

function read(tree: unknown): ParsedSql {
  const found: Found = { columns: [], readsSessionUser: false, filters: false };
  visit(tree, found);
  return found;
}

/** Every node of the tree, whatever its kind: one that a later Postgres adds is walked through like the others. */
function visit(node: unknown, found: Found): void {
  if (typeof node !== "object" || node === null) return;
  for (const [kind, value] of Object.entries(node)) {
    if (kind === "ColumnRef") readColumn(value as ColumnRef, found);
    if (kind === "SQLValueFunction" && (value as { op?: string }).op === "SVFOP_SESSION_USER")
      found.readsSessionUser = true;
    if (kind === "whereClause" || kind === "havingClause" || kind === "JoinExpr") found.filters = true;
    visit(value, found);
  }
}

interface ColumnRef {
  readonly fields?: readonly { readonly String?: { readonly sval?: string } }[];
}

/** `column`, `table.column`, `schema.table.column`; `table.*` has no name. */
function readColumn({ fields = [] }: ColumnRef, found: Found): void {
  const names = fields.map((field) => field.String?.sval);
  const name = names.at(-1);
  if (name !== undefined) found.columns.push({ relation: names.at(-2), name });
}
