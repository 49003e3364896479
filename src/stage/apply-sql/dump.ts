import type { SkippedStatement } from "../../model/baseline.ts";
import { positionAt, splitStatements, type SqlSource, type Statement } from "./source.ts";

/** A file as Postgres's parser can read it: every character where it was, so that positions hold. */
interface ReadableSql {
  readonly text: string;
  /** Rows of `COPY … FROM stdin`, by the offset at which its statement ends. */
  readonly rows: ReadonlyMap<number, string>;
  /** Lines that were commands of psql, by their offset. */
  readonly commands: ReadonlyMap<number, string>;
}

/** pg_dump writes these; none changes the database. */
const harmless = /^\\(?:restrict|unrestrict|connect|c|echo|encoding|timing|pset)\b[^\n]*$/gm;
const copied = /^(copy\s[^;]*?\sfrom\s+stdin\b[^;]*;)[ \t]*\r?\n([\s\S]*?)^\\\.[ \t]*\r?$/gim;

/** A file and what is sent of it. */
export interface ReadFile {
  readonly source: SqlSource;
  readonly rows: ReadableSql["rows"];
  /** psql's commands, which are passed over. */
  readonly skipped: readonly SkippedStatement[];
  /** `undefined`: Postgres cannot read it. */
  readonly statements: readonly Statement[] | undefined;
}

/** A file as it is where Postgres can read it, else without what is psql's in it. */
export async function readForServer(source: SqlSource): Promise<ReadFile> {
  const asWritten = await splitStatements(source.text);
  if (asWritten !== undefined) return { source, rows: new Map(), skipped: [], statements: asWritten };
  const { text, rows, commands } = readDump(source);
  const skipped = [...commands].map(([at, statement]): SkippedStatement => {
    const { file, line } = positionAt(source, at);
    return { file, line, statement, because: "a command of psql that changes nothing in the database" };
  });
  return { source: { ...source, text }, rows, skipped, statements: await splitStatements(text) };
}

/** Those of the statement that ends there, with its semicolon or before it. */
export function rowsAt(rows: ReadFile["rows"], end: number): readonly string[] {
  const found = rows.get(end) ?? rows.get(end + 1);
  return found === undefined ? [] : [found];
}

/** What `pg_dump` and `supabase db dump` write for psql, made SQL. */
function readDump({ text }: SqlSource): ReadableSql {
  const rows = new Map<number, string>();
  const commands = new Map<number, string>();
  const withoutRows = text.replace(copied, (whole, statement: string, data: string, at: number) => {
    rows.set(at + statement.length, data.replaceAll("\r\n", "\n"));
    return statement + blank(whole.slice(statement.length));
  });
  const sql = withoutRows.replace(harmless, (command, at: number) => {
    commands.set(at, command.trimEnd());
    return blank(command);
  });
  return { text: sql, rows, commands };
}

function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, " ");
}
