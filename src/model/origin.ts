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
    | "grant";
  readonly schema: string;
  /** A grant's: of the object that it is on. */
  readonly name: string;
  /** A policy's or trigger's. */
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

/** The first origin that has all of these members. */
export function findOrigin(
  origins: readonly SqlOrigin[],
  wanted: Readonly<Partial<SqlOrigin>>,
): SqlOrigin | undefined {
  const members = Object.entries(wanted) as [keyof SqlOrigin, unknown][];
  return origins.find((one) => members.every(([name, value]) => one[name] === value));
}
