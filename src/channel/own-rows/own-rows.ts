import { type Client, DatabaseError } from "pg";
import type { RelationInfo } from "../../model/catalog.ts";
import type { BoundCandidate, Cell } from "../../model/cell.ts";
import type { OwnRowRecord, RowJournal, RowName } from "../../model/own-rows.ts";
import { formatQualified } from "../../model/sql-text.ts";
import type { DatabaseAddress, Limits } from "../../model/target.ts";
import { connect, disconnect, isLost, messageOf } from "../direct/session.ts";
import { clearUp } from "./clear-up.ts";
import { freshColumns, freshOfCopy, refusalOf } from "./eligible.ts";
import { type Picked, copyRow, isThere, pickRows, removeRow } from "./statements.ts";
import { ownValue } from "./tags.ts";

export interface OwnRowsOptions {
  readonly address: DatabaseAddress;
  readonly limits: Limits;
  readonly journal: RowJournal;
  /** Rows written before this transaction are somebody else's. */
  readonly since: string;
  /** Relations of which the matrix says that what their triggers do may stay. */
  readonly mayFire: (relation: string) => boolean;
}

interface Own extends Pick<OwnRowRecord, "cell" | "by"> {
  readonly row: RowName;
  gone: boolean;
}

/** Rows that this run makes where the gateway commits, and removes: nothing else may be written there. */
export class OwnRows {
  readonly #options: OwnRowsOptions;
  readonly #client: Client;
  readonly #rows: Own[] = [];
  readonly #names = new Set<string>();
  /** A write to which no answer came may be committed after it was looked for. */
  #unanswered = false;

  private constructor(options: OwnRowsOptions, client: Client) {
    this.#options = options;
    this.#client = client;
  }

  /** @throws RowgateError `direct/connect` */
  static async open(options: OwnRowsOptions): Promise<OwnRows> {
    return new OwnRows(options, await connect(options.address, options.limits));
  }

  refusal(cell: Cell): string | undefined {
    return refusalOf(cell, this.#options.mayFire(formatQualified(cell.relation.info)));
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

  /** Copies of rows on both sides of the declared set. @returns how many; or why there is none */
  async copies(
    cell: Cell,
    inside: string,
  ): Promise<{ readonly made: readonly Own[] } | { readonly reason: string }> {
    const { info, key } = cell.relation;
    const fresh = freshOfCopy(info, key);
    if (fresh === undefined)
      return {
        reason: "the gateway commits, and a unique key of it cannot be given a value of the run's own",
      };
    const made: Own[] = [];
    let last = "there is no row to copy";
    const sub = String(cell.persona.claims?.["sub"] ?? "");
    for (const picked of await pickRows(this.#client, { info, key, inside, sub })) {
      const copied = await this.#copy(cell, picked, fresh);
      if (typeof copied === "string") last = copied;
      else made.push(copied);
    }
    return made.length === 0
      ? { reason: `the gateway commits, and no row of the run's own could be made: ${last}` }
      : { made };
  }

  async #copy(cell: Cell, picked: Picked, fresh: readonly string[]): Promise<Own | string> {
    const { info, key } = cell.relation;
    const values = Object.fromEntries(
      info.columns
        .filter(({ name }) => fresh.includes(name))
        .map((column) => [column.name, ownValue(column) ?? ""]),
    );
    const own = await this.#reserve(cell, { ...picked.key, ...only(values, key) }, "copy");
    if (own === undefined) return "its key is taken";
    try {
      await copyRow(this.#client, info, picked.key, values);
      return own;
    } catch (error) {
      // The server may end a connection when the row is in, and before it says so.
      if (!(error instanceof DatabaseError) || isLost(error)) throw error;
      this.#forget(own);
      return `${messageOf(error)} (${error.code ?? ""})`;
    }
  }

  /** A candidate with a key of the run's own in it, written down before it is sent; or why not. */
  async candidate(
    cell: Cell,
    candidate: BoundCandidate,
  ): Promise<BoundCandidate | { readonly reason: string }> {
    const { info, key } = cell.relation;
    const granted = info.privileges[cell.persona.role]?.insert ?? [];
    const fresh = info.columns.filter(
      ({ name }) => freshColumns(info, key).includes(name) && candidate.values[name] === undefined,
    );
    const open = fresh.filter(({ name }) => granted.length === 0 || granted.includes(name));
    if (open.length === 0)
      return {
        reason: `the gateway commits, and the candidate ${candidate.name} says its key itself, or leaves it to the database: its row could not be told from others'`,
      };
    const values = {
      ...candidate.values,
      ...Object.fromEntries(open.map((column) => [column.name, ownValue(column) ?? ""])),
    };
    const name = Object.fromEntries(key.map((column) => [column, values[column]]));
    if (Object.values(name).some((value) => value === undefined || value === null))
      return {
        reason: `the gateway commits, and the candidate ${candidate.name} does not say its whole key`,
      };
    const own = await this.#reserve(cell, name as Readonly<Record<string, string>>, "insert");
    return own === undefined ? { reason: "its key is taken" } : { ...candidate, values };
  }

  /** Removes what was made for a cell. */
  async remove(cell: Cell): Promise<void> {
    await this.#removeAll(this.#rows.filter((own) => own.cell === cell.id && !own.gone));
  }

  /** Removes what is left, and looks for everything once more; on another connection, should this one be gone. */
  async finish(): Promise<readonly OwnRowRecord[]> {
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

  async close(): Promise<void> {
    // After an error or Ctrl-C; what cannot be removed now is still in the journal.
    await this.finish().catch(() => undefined);
    await disconnect(this.#client);
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

  async #reserve(cell: Cell, key: Readonly<Record<string, string>>, by: Own["by"]): Promise<Own | undefined> {
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
  #forget(own: Own): void {
    this.#rows.splice(this.#rows.indexOf(own), 1);
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

function only(
  values: Readonly<Record<string, string>>,
  names: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));
}
