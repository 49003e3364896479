/** Column or argument → text as Postgres reads it; `null` is NULL. */
export type TextRow = Readonly<Record<string, string | null>>;
