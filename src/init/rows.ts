import { isCode } from "../model/answers.ts";
import { type Client, DatabaseError } from "pg";
import { formatQualified, quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import type { ProofColumn, ProofForeignKey, ProofRelation, Schema } from "../prove/analyse/schema.ts";
import { domainsAskedFor, usualDomain } from "./addresses.ts";
import type { AskedOf } from "./asked.ts";
import { Belonging, columnOf, type Place, placeIndex, userNames } from "./belonging.ts";
import { isNeeded, isOrdinary, isPlatform, keyed, ownUuid } from "./columns.ts";
import { advance, existing, insertOf, type Values } from "./insert-text.ts";
import {
  endings,
  expiries,
  isPrivileged,
  listedValues,
  mentions,
  otherValues,
  plainValue,
  type Sql,
  sqlNull,
  sqlText,
} from "./values.ts";

/** What was put into tables that were empty. */
export interface MadeRows {
  /** SQL, a statement a table. */
  readonly statements: readonly string[];
  readonly tables: readonly string[];
  /** Tables that stayed empty, and why. */
  readonly refused: readonly { readonly relation: string; readonly because: string }[];
}

/** Values of a table's key columns, row by row, as SQL that finds them again. */
type Parents = readonly Values[];

export interface RowsRequest {
  readonly client: Client;
  readonly schema: Schema;
  /** Tables to fill where they are empty, `schema.name`. */
  readonly tables: ReadonlySet<string>;
  readonly asked: AskedOf;
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
  readonly #parents = new Map<string, Parents>();
  readonly #belonging: Belonging;
  readonly #users: readonly string[];
  /** Of e-mail addresses. */
  #domain = usualDomain;

  constructor(request: RowsRequest) {
    this.#request = request;
    this.#belonging = new Belonging(request.schema, request.asked);
    const numbers = request.asked.identities.some(
      ({ relation, column, parameter }) =>
        !parameter.startsWith("claims.") && /int|numeric/.test(columnOf(relation, column)?.base ?? ""),
    );
    this.#users = userNames.map((_, index) =>
      numbers ? String(index + 1) : `10000000-0000-4000-8000-00000000000${index + 1}`,
    );
  }

  get made(): MadeRows {
    return { statements: this.#statements, tables: this.#tables, refused: this.#refused };
  }

  async fill(relation: ProofRelation): Promise<void> {
    const { client, tables } = this.#request;
    const name = formatQualified(relation);
    const known = await existing(client, relation);
    if (name === "auth.users" && known.length > 0) {
      await this.#fillUsers(relation);
      return;
    }
    const isOfOne = tables.has(name) && known.length > 0 && (await this.#isOfOneUser(relation));
    if (
      (known.length > 0 && !isOfOne) ||
      !(tables.has(name) || name === "auth.users" || this.#isReferred(relation))
    ) {
      this.#parents.set(name, known);
      return;
    }
    const stored: Values[] = [];
    let because: string | undefined;
    for (const place of this.#belonging.placesOf(relation, (one) => this.#parents.get(one)?.length ?? 0)) {
      const outcome = await this.#tryRow(relation, place);
      if ("values" in outcome) stored.push(outcome.values);
      else because ??= outcome.because;
    }
    this.#parents.set(name, stored.length > 0 ? stored : isOfOne ? known : await existing(client, relation));
    if (stored.length > 0) this.#keep(relation, stored);
    else if (because !== undefined && !isOfOne) this.#refused.push({ relation: name, because });
  }

  /** Rows of a seed that are all one user's say nothing of others: ours come beside them. */
  async #isOfOneUser(relation: ProofRelation): Promise<boolean> {
    const columns = this.#belonging.userColumns(relation).map(quoteIdent);
    if (columns.length === 0 || formatQualified(relation) === "auth.users") return false;
    const { rows } = await this.#request.client.query<{ count: string }>(
      `select count(distinct (${columns.join(", ")}))::text as count from (select * from ${quoteQualified(relation)} limit 1000) x`,
    );
    return Number(rows[0]?.count) <= 1;
  }

  /** Users of ours beside those of a seed, whose ids may be others the next time. */
  async #fillUsers(relation: ProofRelation): Promise<void> {
    const stored: Values[] = [];
    for (const place of this.#belonging.placesOf(relation, () => 0)) {
      const outcome = await this.#tryRow(relation, place);
      if ("values" in outcome) stored.push(outcome.values);
    }
    this.#parents.set("auth.users", stored);
    if (stored.length > 0) this.#keep(relation, stored);
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
    const full = this.#rowOf(relation, place, true);
    if ((await this.#insert(relation, full)) === undefined) return { values: full };
    const first = this.#rowOf(relation, place, false);
    let error = await this.#insert(relation, first);
    if (error === undefined) return { values: first };
    const because = error.message;
    const usual = `@${this.#domain}'`;
    const column = Object.keys(first).find((name) => first[name]?.endsWith(usual) === true);
    if (column !== undefined && !isCode(error.code, "unique"))
      for (const domain of await domainsAskedFor(this.#request.client, this.#request.schema, relation)) {
        const values = { ...first, [column]: (first[column] ?? "").replace(usual, () => `@${domain}'`) };
        if ((await this.#insert(relation, values)) !== undefined) continue;
        // Its other users are of the same domain, and so are rows that name them by their address.
        this.#domain = domain;
        return { values };
      }
    for (const values of this.#variants(relation, place, first, error)) {
      error = await this.#insert(relation, values);
      if (error === undefined) return { values };
    }
    return { because };
  }

  /** A check is tried with other values of its columns; what exists already is not tried again. */
  *#variants(relation: ProofRelation, place: Place, first: Values, error: DatabaseError): Iterable<Values> {
    const index = placeIndex(place);
    if (error.code === undefined || isCode(error.code, "unique")) return;
    const free = relation.columns.filter(({ name }) => name in first && !this.#isFixed(relation, name));
    const meant = free.filter(({ name }) => error.column === name || error.detail?.includes(name) === true);
    const checks = relation.checks;
    if (isCode(error.code, "check")) yield* this.#withoutOne(relation, first, index);
    for (const column of meant.length > 0 ? [...meant, ...free] : free)
      for (const value of otherValues(column, checks, index)) yield { ...first, [column.name]: value };
    const optional = relation.columns.filter(
      ({ name, notNull, generated }) => !(name in first) && !notNull && !generated,
    );
    for (const column of optional) {
      const value = plainValue(column, index);
      for (const one of [...(value === undefined ? [] : [value]), ...otherValues(column, checks, index)])
        yield { ...first, [column.name]: one };
    }
  }

  /** Where one of several columns alone may be set (an owner, or a group), most rows are a user's. */
  #withoutOne(relation: ProofRelation, first: Values, index: number): readonly Values[] {
    const users = this.#belonging.userColumns(relation);
    const mentioned = relation.columns.filter(
      ({ name, notNull }) =>
        name in first && !notNull && relation.checks.some((check) => mentions(check, name)),
    );
    const [left, kept] = [false, true].map((isUser) =>
      mentioned.filter(({ name }) => users.includes(name) === isUser),
    );
    const inTurn = index % 4 === 3 ? [...(kept ?? []), ...(left ?? [])] : [...(left ?? []), ...(kept ?? [])];
    return inTurn.map(({ name }) => ({ ...first, [name]: sqlNull }));
  }

  #isFixed(relation: ProofRelation, column: string): boolean {
    return (
      this.#belonging.userColumns(relation).includes(column) ||
      relation.foreignKeys.some(({ columns }) => columns.includes(column))
    );
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

  #rowOf(relation: ProofRelation, place: Place, full: boolean): Values {
    const values: Record<string, Sql> = {};
    for (const key of relation.foreignKeys) Object.assign(values, this.#referring(relation, key, place));
    const index = placeIndex(place);
    for (const column of relation.columns) {
      if (column.generated || column.name in values) continue;
      const value =
        this.#valueOf(relation, column, place) ??
        (isNeeded(relation, column) || (full && !isPlatform(relation) && isOrdinary(column))
          ? plainValue(keyed(relation, column), index)
          : undefined);
      if (value !== undefined)
        values[column.name] =
          column.base === "uuid" && value.startsWith("'0000") ? ownUuid(relation, index) : value;
    }
    return values;
  }

  /** The columns of a foreign key: those of a row that is there, or none. */
  #referring(relation: ProofRelation, { to, columns, referenced }: ProofForeignKey, place: Place): Values {
    const users = this.#belonging.userColumns(relation);
    const [column] = columns;
    if (columns.length === 1 && column !== undefined && users.includes(column))
      return { [column]: this.#user(place) };
    const parents = this.#parents.get(formatQualified(to)) ?? [];
    const parent = parents[Math.min(place.parent, parents.length - 1)];
    if (parent === undefined) return {};
    return Object.fromEntries(columns.map((one, index) => [one, parent[referenced[index] ?? ""] ?? sqlNull]));
  }

  #user(place: Place): Sql {
    return sqlText(this.#users[place.user] ?? "");
  }

  #valueOf(relation: ProofRelation, column: ProofColumn, place: Place): Sql | undefined {
    const name = formatQualified(relation);
    const { identities, constants } = this.#request.asked;
    const claim = identities.find(
      (one) => one.relation === relation && one.column === column.name,
    )?.parameter;
    if (this.#belonging.userColumns(relation).includes(column.name)) return this.#user(place);
    if (claim === "claims.email" || (name === "auth.users" && column.name === "email"))
      return sqlText(`${userNames[place.user]}@${this.#domain}`);
    if (claim !== undefined) return plainValue(column, place.parent);
    if (name === "auth.users")
      return { aud: sqlText("authenticated"), role: sqlText("authenticated") }[column.name];
    if (name === "storage.objects" && column.name === "name")
      return sqlText(fileOf(this.#users[place.user] ?? "", placeIndex(place) === place.user));
    const asked = constants.find((one) => one.relation === relation && one.column === column.name);
    if (asked !== undefined) return this.#constant(relation, column, asked.values, place);
    if (!this.#belonging.isMembership(relation)) return undefined;
    if (endings.test(column.name))
      return place.user === 4 ? plainValue(column, 0) : column.notNull ? undefined : sqlNull;
    if (expiries.test(column.name) && /^timestamp|^date$/.test(column.base))
      return sqlText(place.user === 4 ? "2026-01-01" : "2099-01-01");
    return undefined;
  }

  /** What an ordinary row says, a membership that is over, and one with more rights. Rows of things take turns. */
  #constant(
    relation: ProofRelation,
    column: ProofColumn,
    asked: readonly string[],
    place: Place,
  ): Sql | undefined {
    const all =
      column.base === "boolean"
        ? ["true", "false"]
        : [...new Set([...asked, ...listedValues(column, relation)])];
    const isMore = (value: string): boolean =>
      isPrivileged(value) || (isPrivileged(column.name) && value === "true");
    const ordinary = asked.filter((value) => !isMore(value));
    const others = all.filter((value) => !asked.includes(value) && !isMore(value));
    const usual = ordinary[0] ?? others[0];
    const other =
      others[0] ?? (column.category === "S" && column.labels === null ? `not ${usual ?? "set"}` : usual);
    const more = asked.find(isMore) ?? usual;
    const isOf = this.#belonging.userColumns(relation).length > 0 && this.#belonging.isMembership(relation);
    const value = !isOf
      ? [usual ?? asked[0], other, usual ?? asked[0], other][placeIndex(place) % 4]
      : place.user === 5
        ? more
        : place.user === 4
          ? other
          : (usual ?? other);
    return value === undefined ? undefined : sqlText(value);
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

/** In its user's folder, and called as the user: policies ask for either, and what they cast to a uuid must be one. */
function fileOf(user: string, isFirst: boolean): string {
  return `${user}/${isFirst ? "" : "more/"}${user}.png`;
}
