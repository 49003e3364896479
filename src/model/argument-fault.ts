/** What a call with other arguments than the declared ones gave a persona, past what the matrix declares for it. */
export interface ArgumentFault {
  /**
   * `returns`: rows that the persona may not read. `answers`: a value that depends on rows that it may not read. `writes`: rows
   * changed that it may not change. `stores`: what it has written shows a value that depends on rows that it may not read. `shows`:
   * a row that it may read (of a view, of a declared call) has a column that holds a value of a row that it may not read.
   */
  readonly kind: "returns" | "answers" | "writes" | "stores" | "shows";
  /** The argument that was varied, as calls name it, or the column that shows the value; `undefined`: the function takes none. */
  readonly argument: string | undefined;
  /** As text; `null` is NULL. */
  readonly value: string | null;
  /** Where the value comes from: `luis` (a persona), `a row of public.orders`, `NULL`. */
  readonly whose: string;
  /** Whose rows came back, decided the answer, or were changed: `public.orders`. */
  readonly relation: string;
  /** Rows, and the keys of a few of them, as JSON. */
  readonly rows: number;
  readonly keys: readonly string[];
  /** Of `stores`: which statement shows it, and the relation that is read afterwards; `undefined`: it comes back with the row. */
  readonly shown?: {
    readonly operation: "insert" | "update" | "delete" | "call";
    readonly where: string | undefined;
  };
  /** The call. */
  readonly sql: string;
}

/** `with uid = 'u2' (luis)`, or what else was called. */
export function withArgument({ argument, value, whose, shown }: ArgumentFault): string {
  if (shown?.where !== undefined) return `so that ${shown.where} shows ${argument} = '${value}'`;
  if (argument === undefined) return "with the arguments shown";
  return `with ${argument} = ${value === null ? "NULL" : `'${value}' (${whose})`}`;
}
