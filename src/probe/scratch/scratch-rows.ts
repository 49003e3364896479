import { type Client, DatabaseError } from "pg";
import type { BoundCandidate, Cell } from "../../model/cell.ts";
import { formatQualified } from "../../lib/sql-text.ts";
import { connect, disconnect, isLost } from "../sql/session.ts";
import { messageOf } from "../../model/errors.ts";
import { freshColumns, freshOfCopy, refusalOf } from "./eligible.ts";
import { Ledger, type LedgerOptions, type ScratchRow } from "./ledger.ts";
import { type Picked, copyRow, freshValue, pickRows } from "./statements.ts";

export interface ScratchRowsOptions extends LedgerOptions {
  /** Relations of which the matrix says that what their triggers do may stay. */
  readonly mayFire: (relation: string) => boolean;
}

/** Rows that this run makes where the gateway commits, and removes: nothing else may be written there. */
export class ScratchRows {
  readonly #options: ScratchRowsOptions;
  readonly #client: Client;
  readonly ledger: Ledger;

  private constructor(options: ScratchRowsOptions, client: Client) {
    this.#options = options;
    this.#client = client;
    this.ledger = new Ledger(options, client);
  }

  /** @throws RowgateError `direct/connect` */
  static async open(options: ScratchRowsOptions): Promise<ScratchRows> {
    return new ScratchRows(options, await connect(options.address, options.limits));
  }

  refusal(cell: Cell): string | undefined {
    return refusalOf(cell, this.#options.mayFire(formatQualified(cell.relation.info)));
  }

  /** Copies of rows on both sides of the declared set. @returns how many; or why there is none */
  async copies(
    cell: Cell,
    inside: string,
  ): Promise<{ readonly made: readonly ScratchRow[] } | { readonly reason: string }> {
    const { info, key } = cell.relation;
    const fresh = freshOfCopy(info, key);
    if (fresh === undefined)
      return {
        reason: "the gateway commits, and a unique key of it cannot be given a fresh value",
      };
    const made: ScratchRow[] = [];
    let last = "there is no row to copy";
    const sub = String(cell.persona.claims?.["sub"] ?? "");
    for (const picked of await pickRows(this.#client, { info, key, inside, sub })) {
      const copied = await this.#copy(cell, picked, fresh);
      if (typeof copied === "string") last = copied;
      else made.push(copied);
    }
    return made.length === 0
      ? { reason: `the gateway commits, and no scratch row could be made: ${last}` }
      : { made };
  }

  async #copy(cell: Cell, picked: Picked, fresh: readonly string[]): Promise<ScratchRow | string> {
    const { info, key } = cell.relation;
    const values = Object.fromEntries(
      info.columns
        .filter(({ name }) => fresh.includes(name))
        .map((column) => [column.name, freshValue(column) ?? ""]),
    );
    const own = await this.ledger.reserve(cell, { ...picked.key, ...only(values, key) }, "copy");
    if (own === undefined) return "its key is taken";
    try {
      await copyRow(this.#client, info, picked.key, values);
      return own;
    } catch (error) {
      // The server may end a connection when the row is in, and before it says so.
      if (!(error instanceof DatabaseError) || isLost(error)) throw error;
      this.ledger.forget(own);
      return `${messageOf(error)} (${error.code ?? ""})`;
    }
  }

  /** A candidate with a fresh key in it, written down before it is sent; or why not. */
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
        reason: `the gateway commits, and the candidate ${candidate.name} says its key itself, or leaves it to the database: its row could not be distinguished from others'`,
      };
    const values = {
      ...candidate.values,
      ...Object.fromEntries(open.map((column) => [column.name, freshValue(column) ?? ""])),
    };
    const name = Object.fromEntries(key.map((column) => [column, values[column]]));
    if (Object.values(name).some((value) => value === undefined || value === null))
      return {
        reason: `the gateway commits, and the candidate ${candidate.name} does not say its whole key`,
      };
    const own = await this.ledger.reserve(cell, name as Readonly<Record<string, string>>, "insert");
    return own === undefined ? { reason: "its key is taken" } : { ...candidate, values };
  }

  async close(): Promise<void> {
    // After an error or Ctrl-C; what cannot be removed now is still in the journal.
    await this.ledger.finish().catch(() => undefined);
    await disconnect(this.#client);
  }
}

function only(
  values: Readonly<Record<string, string>>,
  names: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));
}
