import type { QualifiedName } from "../lib/sql-text.ts";

/** A row by its whole key, values as Postgres writes them. */
export interface RowName {
  readonly relation: QualifiedName;
  readonly key: Readonly<Record<string, string>>;
}

/** A row that a run made where nothing is rolled back: what `run.json` says of it. */
export interface ScratchRowRecord {
  /** `public.notes` */
  readonly relation: string;
  readonly key: Readonly<Record<string, string>>;
  /** The cell that it was made for. */
  readonly cell: string;
  /** `copy`: made by the direct connection of a row that was there. `insert`: sent by the persona, which may have been refused. */
  readonly by: "copy" | "insert";
  /** The privileged connection has looked for it after its removal, and it is not there. */
  readonly gone: boolean;
}

/** Where rows are written down before they are made, so that they can be removed whatever happens to this process. */
export interface RowJournal {
  /** On the disk when it resolves. */
  note(rows: readonly RowName[]): Promise<void>;
  /** Nothing is left of what was noted. */
  discard(): Promise<void>;
}

/** What a journal says of a run that has ended without clearing up. */
export interface JournalledRows {
  readonly rows: readonly RowName[];
  /** Rows that were written before this transaction are not the run's, whatever their key. */
  readonly since: string;
}
