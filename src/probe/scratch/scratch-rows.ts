import { type Client, DatabaseError } from "pg";
import type { BoundCandidate, Cell } from "../../model/cell.ts";
import { formatQualified } from "../../lib/sql-text.ts";
import { literally } from "../../lib/pattern.ts";
import { connect, disconnect, isLost } from "../sql/session.ts";
import { messageOf } from "../../model/errors.ts";
import { Ledger, type LedgerOptions, type ScratchRow } from "./ledger.ts";
import { copyRow, freshValue, type Picked, pickRows } from "./statements.ts";
import { operationInfo } from "../../model/operations.ts";
import type { PolicyInfo, RelationInfo } from "../../model/catalog.ts";

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

/** Why writes to this cell's relation cannot be kept to scratch rows; `undefined`: they can. Docs: docs/adr/0010. */
export function refusalOf(cell: Cell, mayFire: boolean): string | undefined {
  const { operation, relation } = cell;
  if (operation === "execute") return because("a function that writes may write anywhere");
  if (operationInfo[operation].blind) return because("without a filter a write reaches everybody's rows");
  return ofRelation(relation.info, relation.key, mayFire) ?? ofPolicies(cell) ?? ofUpdate(cell, relation.key);
}

function because(why: string): string {
  return `the gateway commits, and ${why}`;
}

function ofRelation(info: RelationInfo, key: readonly string[], mayFire: boolean): string | undefined {
  if (info.kind !== "table")
    return because(`scratch rows are made in plain tables only: this is a ${kinds[info.kind]}`);
  const fires = [...info.triggers.filter(({ enabled }) => enabled).map(({ name }) => name), ...info.rules];
  if (fires.length > 0 && !mayFire)
    return because(
      `what ${fires.join(", ")} would do elsewhere no removal takes back: say \`survives:\` and why in the matrix if it may`,
    );
  if (key.length === 0) return because("nothing names a row of it");
  if (freshColumns(info, key).length === 0)
    return because(`its key (${key.join(", ")}) cannot be given a fresh value`);
  return undefined;
}

function ofPolicies(cell: Cell): string | undefined {
  const { info } = cell.relation;
  const read = likeNoOther(cell).filter((name) =>
    info.policies.some((policy) => mentions(policy, info, name)),
  );
  if (read.length === 0) return undefined;
  return because(
    `a policy depends on ${read.join(", ")}, where a scratch row is like no other: that it is denied proves nothing`,
  );
}

/** Columns that get a fresh value: of an INSERT's key those that some candidate does not say. */
function likeNoOther({ operation, relation: { info, key }, candidates }: Cell): readonly string[] {
  return operation === "insert"
    ? freshColumns(info, key).filter((name) => candidates.some(({ values }) => values[name] === undefined))
    : (freshOfCopy(info, key) ?? []);
}

/**
 * Whether a condition reads this column of the row that it is asked about, by itself or with the whole row. Postgres prints
 * columns bare where there is one table only, and with their table's name within a subquery.
 */
function mentions({ using, check }: PolicyInfo, { name }: RelationInfo, column: string): boolean {
  const [table, own] = [name, column].map((one) => `"?${literally(one.replaceAll('"', '""'))}"?`);
  const reads = new RegExp(
    String.raw`(?<![\w$."])${own}(?![\w$"])|(?<![\w$"])${table}\.(?:${own}(?![\w$"])|\*)`,
  );
  return [using, check].some((text) => text !== null && reads.test(text));
}

const kinds: Readonly<Record<Exclude<RelationInfo["kind"], "table">, string>> = {
  partitioned: "partitioned table",
  view: "view",
  materialized: "materialized view",
  foreign: "foreign table",
  function: "function",
};

function ofUpdate({ update }: Cell, key: readonly string[]): string | undefined {
  const moves = [
    ...(update?.set === undefined ? [] : [update.set]),
    ...(update?.never ?? []).map(({ values }) => values),
  ];
  return moves.some((values) => key.some((name) => name in values))
    ? because("a row whose key is changed could not be found again")
    : undefined;
}

/** Columns of a key that can have a fresh value: those that point to other rows cannot. */
function freshColumns(info: RelationInfo, key: readonly string[]): readonly string[] {
  const pointing = new Set(
    info.constraints.flatMap(({ type, columns }) => (type === "foreign key" ? columns : [])),
  );
  return info.columns
    .filter(
      (column) => key.includes(column.name) && !pointing.has(column.name) && freshValue(column) !== undefined,
    )
    .map(({ name }) => name);
}

/** What a copy must not share with the row that it is made of: a column of each unique key; `undefined`: some key has none. */
function freshOfCopy(info: RelationInfo, key: readonly string[]): readonly string[] | undefined {
  const unique = info.constraints.flatMap(({ type, columns }) =>
    type === "primary key" || type === "unique" ? [columns] : [],
  );
  // One column of a key is enough, and the others may be what a policy is about.
  const fresh = new Set(freshColumns(info, key).slice(-1));
  for (const columns of [...unique, info.primaryKey, ...info.uniqueKeys]) {
    if (columns.length === 0 || columns.some((name) => fresh.has(name))) continue;
    const [first] = freshColumns(info, columns);
    if (first === undefined) return undefined;
    fresh.add(first);
  }
  return [...fresh];
}
