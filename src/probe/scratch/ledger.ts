import { type ClientBase, DatabaseError } from "pg";
import { formatQualified } from "../../lib/sql-text.ts";
import { isCode } from "../../model/answers.ts";
import type { RelationInfo } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import type { JournalledRows, RowJournal, RowName, ScratchRowRecord } from "../../model/scratch-row.ts";
import type { DatabaseAddress, Limits } from "../../model/target.ts";
import { connect, disconnect } from "../sql/session.ts";
import { messageOf } from "../../model/errors.ts";
import { isThere, removeRow } from "./statements.ts";

export interface LedgerOptions {
  readonly address: DatabaseAddress;
  readonly limits: Limits;
  readonly journal: RowJournal;
  /** Rows written before this transaction belong to other users. */
  readonly since: string;
}

export interface ScratchRow extends Pick<ScratchRowRecord, "cell" | "by"> {
  readonly row: RowName;
  gone: boolean;
}

/** Which rows are the run's own: written down before they are made, and removed, whatever a persona has made of them. */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #client: ClientBase;
  readonly #rows: ScratchRow[] = [];
  readonly #names = new Set<string>();
  /** A write to which no answer came may be committed after it was looked for. */
  #unanswered = false;

  constructor(options: LedgerOptions, client: ClientBase) {
    this.#options = options;
    this.#client = client;
  }

  /** Whether a request touches only the row with this key, and the key is that of a scratch row. */
  permits(info: RelationInfo, columns: readonly string[], key: readonly (string | null)[]): boolean {
    return this.#names.has(
      nameOf(info, Object.fromEntries(columns.map((name, index) => [name, key[index] ?? ""]))),
    );
  }

  /** The write may have been committed without a confirmation. */
  noAnswer(): void {
    this.#unanswered = true;
  }

  /** A key for a row that is about to be made, on the disk; `undefined`: it is already used. */
  async reserve(
    cell: Cell,
    key: Readonly<Record<string, string>>,
    by: ScratchRow["by"],
  ): Promise<ScratchRow | undefined> {
    const { info } = cell.relation;
    const row: RowName = { relation: { schema: info.schema, name: info.name }, key };
    if (await isThere(this.#client, row)) return undefined;
    await this.#options.journal.note([row]);
    const own: ScratchRow = { row, cell: cell.id, by, gone: false };
    this.#rows.push(own);
    this.#names.add(nameOf(info, key));
    return own;
  }

  /** It was never made. Its line in the journal stays: a line too many only costs a look. */
  forget(own: ScratchRow): void {
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

  async #removeAll(rows: readonly ScratchRow[]): Promise<void> {
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

export interface ClearedUp {
  readonly removed: number;
  /** Rows that are still there, and why. */
  readonly left: readonly { readonly row: RowName; readonly because: string }[];
}

/** Removes rows that a run has journalled and left. @throws RowgateError `direct/connect` */
export async function clearUp(
  address: DatabaseAddress,
  limits: Limits,
  { rows, since }: JournalledRows,
): Promise<ClearedUp> {
  const client = await connect(address, limits);
  const left: ClearedUp["left"][number][] = [];
  let removed = 0;
  try {
    for (const row of rows) {
      try {
        removed += await removeRow(client, row, since);
        if (await isThere(client, row)) left.push({ row, because: "it was written before that run" });
      } catch (error) {
        // The table itself may be gone, and its rows with it.
        if (!(error instanceof DatabaseError)) throw error;
        if (!isCode(error.code, "undefinedTable")) left.push({ row, because: messageOf(error) });
      }
    }
    return { removed, left };
  } finally {
    await disconnect(client);
  }
}
