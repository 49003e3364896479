import { type ClientBase, DatabaseError } from "pg";
import type { RelationInfo } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import type { ScratchRowRecord, RowJournal, RowName } from "../../model/scratch-row.ts";
import { formatQualified } from "../../lib/sql-text.ts";
import type { DatabaseAddress, Limits } from "../../model/target.ts";
import { clearUp } from "./clear-up.ts";
import { isThere, removeRow } from "./statements.ts";

export interface LedgerOptions {
  readonly address: DatabaseAddress;
  readonly limits: Limits;
  readonly journal: RowJournal;
  /** Rows written before this transaction are somebody else's. */
  readonly since: string;
}

export interface Own extends Pick<ScratchRowRecord, "cell" | "by"> {
  readonly row: RowName;
  gone: boolean;
}

/** Which rows are the run's own: written down before they are made, and removed, whatever a persona has made of them. */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #client: ClientBase;
  readonly #rows: Own[] = [];
  readonly #names = new Set<string>();
  /** A write to which no answer came may be committed after it was looked for. */
  #unanswered = false;

  constructor(options: LedgerOptions, client: ClientBase) {
    this.#options = options;
    this.#client = client;
  }

  /** Whether a request touches only the row with this key, and the key is one of the run's own. */
  permits(info: RelationInfo, columns: readonly string[], key: readonly (string | null)[]): boolean {
    return this.#names.has(
      nameOf(info, Object.fromEntries(columns.map((name, index) => [name, key[index] ?? ""]))),
    );
  }

  /** The write may have been committed, and nobody said so. */
  noAnswer(): void {
    this.#unanswered = true;
  }

  /** A key for a row that is about to be made, on the disk; `undefined`: somebody has it. */
  async reserve(cell: Cell, key: Readonly<Record<string, string>>, by: Own["by"]): Promise<Own | undefined> {
    const { info } = cell.relation;
    const row: RowName = { relation: { schema: info.schema, name: info.name }, key };
    if (await isThere(this.#client, row)) return undefined;
    await this.#options.journal.note([row]);
    const own: Own = { row, cell: cell.id, by, gone: false };
    this.#rows.push(own);
    this.#names.add(nameOf(info, key));
    return own;
  }

  /** It was never made. Its line in the journal stays: a line too many only costs a look. */
  forget(own: Own): void {
    this.#rows.splice(this.#rows.indexOf(own), 1);
  }

  /** Removes what was made for a cell. */
  async remove(cell: Cell): Promise<void> {
    await this.#removeAll(this.#rows.filter((own) => own.cell === cell.id && !own.gone));
  }

  /** Removes what is left, and looks for everything once more; on another connection, should this one be gone. */
  async finish(): Promise<readonly ScratchRowRecord[]> {
    await this.#removeAll(this.#rows).catch(() => this.#removeAnew());
    if (!this.#unanswered && this.#rows.every(({ gone }) => gone)) await this.#options.journal.discard();
    return this.#rows.map(({ row, cell, by, gone }) => ({
      relation: formatQualified(row.relation),
      key: row.key,
      cell,
      by,
      gone: gone && !this.#unanswered,
    }));
  }

  async #removeAnew(): Promise<void> {
    const rows = this.#rows.map(({ row }) => row);
    const { address, limits, since } = this.#options;
    const left = await clearUp(address, limits, { rows, since }).then(
      (cleared) => new Set(cleared.left.map(({ row }) => row)),
      () => new Set<RowName>(rows),
    );
    for (const own of this.#rows) own.gone = !left.has(own.row);
  }

  async #removeAll(rows: readonly Own[]): Promise<void> {
    for (const own of rows) {
      await removeRow(this.#client, own.row, this.#options.since).catch((error: unknown) => {
        if (!(error instanceof DatabaseError)) throw error;
      });
      own.gone = !(await isThere(this.#client, own.row));
    }
  }
}

function nameOf({ oid }: RelationInfo, key: Readonly<Record<string, string>>): string {
  return JSON.stringify([oid, Object.entries(key).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}
