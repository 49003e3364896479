/** One row of sql/watch_fingerprint.sql: what the answers of a relation or function depend on. */
export interface Fingerprint {
  readonly oid: string;
  /** `schema.name`, quoted where it must be, of a function with its arguments; empty: what belongs to none. */
  readonly relation: string;
  readonly name: string;
  readonly mark: string;
  readonly needs: readonly string[];
  /** Whose rows checks of its foreign keys read. */
  readonly parents: readonly string[];
  readonly opaque: boolean;
}
