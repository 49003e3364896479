import type { QualifiedName } from "../lib/sql-text.ts";

/** A column by which policies decide about rows, of its own relation or of others (sql/deciding_columns.sql). */
export interface AuthorizationColumn extends QualifiedName {
  readonly column: string;
  /** The relations whose policies read it. */
  readonly of: readonly string[];
}
