import type { SqlSource } from "./source.ts";

/** A file as Postgres's parser can read it: every character where it was, so that positions hold. */
export interface ReadableSql {
  readonly text: string;
  /** Rows of `COPY … FROM stdin`, by the offset at which its statement ends. */
  readonly rows: ReadonlyMap<number, string>;
  /** Lines that were commands of psql, by their offset. */
  readonly commands: ReadonlyMap<number, string>;
}

/** pg_dump writes these; none changes the database. */
const harmless = /^\\(?:restrict|unrestrict|connect|c|echo|encoding|timing|pset)\b[^\n]*$/gm;
const copied = /^(copy\s[^;]*?\sfrom\s+stdin\b[^;]*;)[ \t]*\r?\n([\s\S]*?)^\\\.[ \t]*\r?$/gim;

/** What `pg_dump` and `supabase db dump` write for psql, made SQL. */
export function readDump({ text }: SqlSource): ReadableSql {
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
