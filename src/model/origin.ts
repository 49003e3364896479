/** Where SQL that rowgate applied last defined an object: `policy "x" on public.t` → file and lines. */
export interface SqlOrigin {
  readonly kind:
    | "schema"
    | "table"
    | "view"
    | "materialized view"
    | "function"
    | "policy"
    | "trigger"
    | "option"
    | "grant";
  readonly schema: string;
  /** A grant's: of the object that it is on. */
  readonly name: string;
  /** A policy's, a trigger's, or that of an option (row-level security, FORCE ROW LEVEL SECURITY, owner). */
  readonly table?: string | undefined;
  /** Types of a function's input arguments, as the parser names them: `int4, text[]`. */
  readonly arguments?: string | undefined;
  /** What a grant is on; a view's is on a `table`, as GRANT says. */
  readonly on?: "table" | "sequence" | "function" | "schema" | undefined;
  /** One privilege of a grant, in lower case; ALL is several. */
  readonly privilege?: string | undefined;
  /** A role, or `public`. */
  readonly grantee?: string | undefined;
  /** A grant of one column. */
  readonly column?: string | undefined;
  readonly file: string;
  /** First and last line of the statement, from 1. */
  readonly line: number;
  readonly lastLine: number;
}

/** What was defined, in words: `policy own on public.notes`, `grant select on table public.notes to anon`. */
export function originName(one: Omit<SqlOrigin, "file" | "line" | "lastLine">): string {
  const { kind, schema, name, table, arguments: types, on, privilege, grantee, column } = one;
  if (table !== undefined) return `${kind} ${name} on ${schema}.${table}`;
  const object = `${schema}.${name}${types === undefined ? "" : `(${types})`}`;
  if (kind !== "grant") return `${kind} ${object}`;
  return `grant ${privilege}${column === undefined ? "" : ` (${column})`} on ${on} ${object} to ${grantee}`;
}

/** The same as an archive's catalogue has it: name → `file:line`. */
export function originRecord(origins: readonly SqlOrigin[]): Readonly<Record<string, string>> {
  return Object.fromEntries(origins.map((one) => [originName(one), `${one.file}:${one.line}`]));
}
