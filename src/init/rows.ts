import { isCode } from "../model/answers.ts";
import { type Client, DatabaseError } from "pg";
import { formatQualified, quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import type { ProofRelation, Schema } from "../prove/analyse/schema.ts";
import { domainsAskedFor } from "./addresses.ts";
import type { AskedOf } from "./asked.ts";
import { Belonging, columnOf, type Place } from "./belonging.ts";
import { advance, existing, insertOf, type Values } from "./insert-text.ts";
import { RowValues, usualUser } from "./row-values.ts";
import { metadataAskedFor, type SignUp, unknownSub } from "./sign-up.ts";
import { sqlText } from "./values.ts";

/** What was put into tables that were empty. */
export interface MadeRows {
  /** SQL, a statement a table. */
  readonly statements: readonly string[];
  readonly tables: readonly string[];
  /** Tables that stayed empty, and why. */
  readonly refused: readonly { readonly relation: string; readonly because: string }[];
  /** `undefined`: `auth.users` lets users in who bring nothing. */
  readonly signUp: SignUp | undefined;
}

export interface RowsRequest {
  readonly client: Client;
  readonly schema: Schema;
  /** Tables to fill where they are empty, `schema.name`. */
  readonly tables: ReadonlySet<string>;
  readonly asked: AskedOf;
  /** The user is in the database of a later run, too. */
  readonly lasts: (user: string) => boolean;
}

/**
 * Puts rows into empty tables, each in a savepoint, and says what was put in. The caller's transaction decides whether they stay.
 * Rows that a table refuses are tried with other values.
 */
export async function makeRows(request: RowsRequest): Promise<MadeRows> {
  const maker = new RowMaker(request);
  for (const relation of inOrder([...request.schema.relations], request.tables)) await maker.fill(relation);
  return maker.made;
}

/** Tables after those that they refer to; what refers in a circle comes as it is named. */
function inOrder(all: readonly ProofRelation[], wanted: ReadonlySet<string>): readonly ProofRelation[] {
  const byName = new Map(all.map((one) => [formatQualified(one), one]));
  const done = new Set<string>();
  const ordered: ProofRelation[] = [];
  const visit = (name: string): void => {
    const relation = byName.get(name);
    if (relation === undefined || done.has(name)) return;
    done.add(name);
    for (const { to } of relation.foreignKeys) visit(formatQualified(to));
    ordered.push(relation);
  };
  for (const name of ["auth.users", ...[...wanted].toSorted()]) visit(name);
  return ordered.filter(({ kind }) => kind === "table" || kind === "partitioned");
}

class RowMaker {
  readonly #request: RowsRequest;
  readonly #statements: string[] = [];
  readonly #tables: string[] = [];
  readonly #refused: MadeRows["refused"][number][] = [];
  readonly #belonging: Belonging;
  readonly #values: RowValues;
  #mustBring = false;

  constructor(request: RowsRequest) {
    this.#request = request;
    this.#belonging = new Belonging(request.schema, request.asked);
    this.#values = new RowValues(request.asked, this.#belonging);
  }

  get made(): MadeRows {
    return {
      statements: this.#statements,
      tables: this.#tables,
      refused: this.#refused,
      signUp: this.#mustBring ? this.#values.signUp : undefined,
    };
  }

  async fill(relation: ProofRelation): Promise<void> {
    const { client, tables } = this.#request;
    const name = formatQualified(relation);
    const known = await existing(client, relation);
    if (name === "auth.users") {
      await this.#fillUsers(relation);
      return;
    }
    const isOfOne = tables.has(name) && known.length > 0 && (await this.#isOfOneUser(relation));
    if ((known.length > 0 && !isOfOne) || !(tables.has(name) || this.#isReferred(relation))) {
      this.#values.parents.set(name, known);
      return;
    }
    const stored: Values[] = [];
    let because: string | undefined;
    for (const place of this.#belonging.placesOf(
      relation,
      (one) => this.#values.parents.get(one)?.length ?? 0,
    )) {
      const outcome = await this.#tryRow(relation, place);
      if ("values" in outcome) stored.push(outcome.values);
      else because ??= outcome.because;
    }
    this.#values.parents.set(
      name,
      stored.length > 0 ? stored : isOfOne ? known : await existing(client, relation),
    );
    if (stored.length > 0) this.#keep(relation, stored);
    else if (because !== undefined && !isOfOne) this.#refused.push({ relation: name, because });
  }

  /** Rows that are all one user's say nothing of others, nor do those of users who are others the next time: ours come beside them. */
  async #isOfOneUser(relation: ProofRelation): Promise<boolean> {
    const columns = this.#belonging.userColumns(relation);
    if (columns.length === 0) return false;
    const listed = columns.map((name) => `${quoteIdent(name)}::text`);
    const { rows } = await this.#request.client.query<{ users: readonly (string | null)[] }>(
      `select distinct array[${listed.join(", ")}] as users from (select * from ${quoteQualified(relation)} limit 1000) x`,
    );
    const lasting = rows.filter(({ users }) =>
      users.some((user) => user !== null && this.#request.lasts(user)),
    );
    return lasting.length <= 1;
  }

  /** Users of ours, also beside those of a seed. */
  async #fillUsers(relation: ProofRelation): Promise<void> {
    const stored: Values[] = [];
    let because: string | undefined;
    for (const place of this.#belonging.placesOf(relation, () => 0)) {
      const outcome = await this.#tryRow(relation, place);
      if ("values" in outcome) stored.push(outcome.values);
      else because ??= outcome.because;
    }
    const name = formatQualified(relation);
    this.#values.parents.set(name, stored);
    if (stored.length === 0) {
      if (because !== undefined) this.#refused.push({ relation: name, because });
      return;
    }
    this.#keep(relation, stored);
    this.#mustBring = await this.#refusesBare(relation);
  }

  /** A user who brings neither an address nor metadata. */
  async #refusesBare(relation: ProofRelation): Promise<boolean> {
    const { client } = this.#request;
    await client.query("savepoint bare");
    const bare = { ...usualUser, id: sqlText(unknownSub), raw_user_meta_data: sqlText("{}") };
    const error = await this.#insert(relation, bare);
    await client.query("rollback to savepoint bare");
    return error !== undefined;
  }

  /** The platform's own tables are filled only where a table of the system refers to them. */
  #isReferred(relation: ProofRelation): boolean {
    const name = formatQualified(relation);
    const { schema, tables } = this.#request;
    return [...schema.relations].some(
      (one) =>
        tables.has(formatQualified(one)) &&
        one.foreignKeys.some(
          ({ to, columns }) =>
            formatQualified(to) === name && columns.every((column) => columnOf(one, column)?.notNull),
        ),
    );
  }

  async #tryRow(
    relation: ProofRelation,
    place: Place,
  ): Promise<{ readonly values: Values } | { readonly because: string }> {
    const full = this.#values.rowOf(relation, place, true);
    if ((await this.#insert(relation, full)) === undefined) return { values: full };
    const first = this.#values.rowOf(relation, place, false);
    let error = await this.#insert(relation, first);
    if (error === undefined) return { values: first };
    const because = error.message;
    for (const signUp of isCode(error.code, "unique") ? [] : await this.#signUps(relation, first)) {
      const before = this.#values.signUp;
      this.#values.signUp = signUp;
      const values = this.#values.rowOf(relation, place, false);
      // Its other users bring the same, and rows name them by the same address.
      if ((await this.#insert(relation, values)) === undefined) return { values };
      this.#values.signUp = before;
    }
    for (const values of this.#values.variants(relation, place, first, error)) {
      error = await this.#insert(relation, values);
      if (error === undefined) return { values };
    }
    return { because };
  }

  /** What else users may have to bring, so that triggers let in a row that names one by its address. */
  async #signUps(relation: ProofRelation, first: Values): Promise<readonly SignUp[]> {
    const { client, schema } = this.#request;
    const { domain, metadata } = this.#values.signUp;
    if (!Object.values(first).some((value) => value.endsWith(`@${domain}'`))) return [];
    const domains = await domainsAskedFor(client, schema, relation);
    const asked = formatQualified(relation) === "auth.users" ? await metadataAskedFor(client, relation) : [];
    return [
      ...domains.map((one) => ({ domain: one, metadata })),
      ...(asked.length === 0 ? [] : [domain, ...domains].map((one) => ({ domain: one, metadata: asked }))),
    ];
  }

  async #insert(relation: ProofRelation, values: Values): Promise<DatabaseError | undefined> {
    const { client } = this.#request;
    await client.query("savepoint row");
    try {
      await client.query(insertOf(relation, [values]));
      await client.query("set constraints all immediate");
      await client.query("release savepoint row");
      return undefined;
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      await client.query("rollback to savepoint row");
      return error;
    }
  }

  #keep(relation: ProofRelation, rows: readonly Values[]): void {
    this.#tables.push(formatQualified(relation));
    const names = new Set(rows.flatMap((row) => Object.keys(row)));
    const sequences = relation.columns
      .filter(({ name }) => names.has(name))
      .flatMap((column) => advance(relation, column));
    this.#statements.push([`${insertOf(relation, rows)};`, ...sequences].join("\n"));
  }
}
