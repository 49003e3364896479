import type { DatabaseError } from "pg";
import { formatQualified } from "../lib/sql-text.ts";
import { isCode } from "../model/answers.ts";
import type { ProofColumn, ProofForeignKey, ProofRelation } from "../prove/analyse/schema.ts";
import { usualDomain } from "./addresses.ts";
import type { AskedOf } from "./asked.ts";
import { type Belonging, columnOf, type Place, placeIndex, userNames } from "./belonging.ts";
import { isNeeded, isOrdinary, isPlatform, keyed, ownUuid } from "./columns.ts";
import type { Values } from "./insert-text.ts";
import { addressOf, metadataOf, type SignUp } from "./sign-up.ts";
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

/** Of every user. */
export const usualUser: Values = { aud: sqlText("authenticated"), role: sqlText("authenticated") };

/** What the rows hold. */
export class RowValues {
  readonly #asked: AskedOf;
  readonly #belonging: Belonging;
  readonly #users: readonly string[];
  /** Values of tables' key columns, row by row, as SQL that finds them again. */
  readonly parents: Map<string, readonly Values[]> = new Map();
  /** What users bring. */
  signUp: SignUp = { domain: usualDomain, metadata: [] };

  constructor(asked: AskedOf, belonging: Belonging) {
    this.#asked = asked;
    this.#belonging = belonging;
    const numbers = asked.identities.some(
      ({ relation, column, parameter }) =>
        !parameter.startsWith("claims.") && /int|numeric/.test(columnOf(relation, column)?.base ?? ""),
    );
    this.#users = userNames.map((_, index) =>
      numbers ? String(index + 1) : `10000000-0000-4000-8000-00000000000${index + 1}`,
    );
  }

  rowOf(relation: ProofRelation, place: Place, full: boolean): Values {
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
    const parents = this.parents.get(formatQualified(to)) ?? [];
    const parent = parents[Math.min(place.parent, parents.length - 1)];
    if (parent === undefined) return {};
    return Object.fromEntries(columns.map((one, index) => [one, parent[referenced[index] ?? ""] ?? sqlNull]));
  }

  #user(place: Place): Sql {
    return sqlText(this.#users[place.user] ?? "");
  }

  #valueOf(relation: ProofRelation, column: ProofColumn, place: Place): Sql | undefined {
    const name = formatQualified(relation);
    const { identities, constants } = this.#asked;
    const claim = identities.find(
      (one) => one.relation === relation && one.column === column.name,
    )?.parameter;
    if (this.#belonging.userColumns(relation).includes(column.name)) return this.#user(place);
    if (claim === "claims.email" || (name === "auth.users" && column.name === "email"))
      return sqlText(addressOf(userNames[place.user] ?? "", this.signUp));
    if (claim !== undefined) return plainValue(column, place.parent);
    if (name === "auth.users") return this.#userValue(column.name, place);
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

  #userValue(column: string, place: Place): Sql | undefined {
    if (column !== "raw_user_meta_data") return usualUser[column];
    const { metadata } = this.signUp;
    if (metadata.length === 0) return undefined;
    return sqlText(JSON.stringify(metadataOf(userNames[place.user] ?? "", this.signUp)));
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

  /** A check is tried with other values of its columns; what exists already is not tried again. */
  *variants(relation: ProofRelation, place: Place, first: Values, error: DatabaseError): Iterable<Values> {
    const index = placeIndex(place);
    if (error.code === undefined || isCode(error.code, "unique")) return;
    const free = relation.columns.filter(({ name }) => name in first && !this.#isFixed(relation, name));
    const meant = free.filter(({ name }) => error.column === name || error.detail?.includes(name) === true);
    const checks = relation.checks;
    if (isCode(error.code, "check")) yield* this.#withoutOne(relation, first, index);
    for (const column of meant.length > 0 ? [...meant, ...free] : free)
      for (const value of otherValues(column, checks, index)) yield { ...first, [column.name]: value };
    const optional = relation.columns.filter(
      ({ name, notNull, generated }) => !(name in first) && !generated && (!notNull || name === error.column),
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
}

/** In its user's folder, and called as the user: policies ask for either, and what they cast to a uuid must be one. */
function fileOf(user: string, isFirst: boolean): string {
  return `${user}/${isFirst ? "" : "more/"}${user}.png`;
}
