import { formatQualified } from "../lib/sql-text.ts";
import type { ProofColumn, ProofRelation, Schema } from "../prove/analyse/schema.ts";
import type { AskedOf } from "./asked.ts";
import { endings, expiries, isPrivileged } from "./values.ts";

/** Users of the rows: two of one tenant, one of another, one of both, one whose membership is over, one with more rights. */
export const userNames = ["owner", "colleague", "stranger", "both", "former", "admin"] as const;

/** Which user and which row of another table each row belongs to. */
const plan = [
  { user: 0, parent: 0 },
  { user: 1, parent: 0 },
  { user: 2, parent: 2 },
  { user: 3, parent: 0 },
  { user: 3, parent: 2 },
  { user: 4, parent: 0 },
  { user: 5, parent: 0 },
] as const;
/** Of things without a user: one belongs to a tenant that none of the users is a member of. */
const planOfThings = [...plan.slice(0, 4), { user: 3, parent: 1 }] as const;
export interface Place {
  readonly user: number;
  readonly parent: number;
}

/** Which of a table's rows it is, from 0. */
export function placeIndex(place: Place): number {
  const index = (plan as readonly Place[]).indexOf(place);
  return index === -1 ? 4 : index;
}

/** Whose each row of a table is. */
export class Belonging {
  readonly #schema: Schema;
  readonly #asked: AskedOf;
  readonly #columnsOfUsers = new Map<ProofRelation, readonly string[]>();

  constructor(schema: Schema, asked: AskedOf) {
    this.#schema = schema;
    this.#asked = asked;
  }

  isMembership(relation: ProofRelation): boolean {
    return this.#asked.identities.some((one) => one.relation === relation && one.member);
  }

  /** Whether the policies tell such a user from the others. */
  #tells(user: "former" | "admin"): boolean {
    const { constants } = this.#asked;
    const asked = constants.filter(({ relation }) => this.userColumns(relation).length > 0);
    if (user === "admin") return asked.some(({ column, values }) => [column, ...values].some(isPrivileged));
    const lists = this.#asked.identities.filter(({ member }) => member).map(({ relation }) => relation);
    return (
      asked.some(({ column, values }) => ![column, ...values].some(isPrivileged)) ||
      lists.some(({ columns }) => columns.some(({ name }) => mayEnd(name)))
    );
  }

  /** Columns whose value is a user, by a policy or by a foreign key. */
  userColumns(relation: ProofRelation): readonly string[] {
    const known = this.#columnsOfUsers.get(relation);
    if (known !== undefined) return known;
    // Foreign keys may lead in a circle.
    this.#columnsOfUsers.set(relation, []);
    const found = this.#findUserColumns(relation);
    this.#columnsOfUsers.set(relation, found);
    return found;
  }

  #findUserColumns(relation: ProofRelation): readonly string[] {
    const [asked, schema] = [this.#asked, this.#schema];
    const own = asked.identities
      .filter((one) => one.relation === relation && !one.parameter.startsWith("claims."))
      .map(({ column }) => column);
    const referring = relation.foreignKeys.flatMap(({ to, columns, referenced }) => {
      const target = schema.relation(to.schema, to.name);
      const [column, ...more] = columns;
      const isUsers = formatQualified(to) === "auth.users" && referenced[0] === "id";
      const isUser =
        isUsers ||
        (target !== undefined &&
          target !== relation &&
          this.userColumns(target).includes(referenced[0] ?? ""));
      return column !== undefined && more.length === 0 && isUser ? [column] : [];
    });
    const byDefault = relation.columns
      .filter(({ expression }) => /^\(*auth\.uid\(\)\)*$/.test(expression ?? ""))
      .map(({ name }) => name);
    const ofUsers = formatQualified(relation) === "auth.users" ? ["id"] : [];
    return [...new Set([...own, ...referring, ...byDefault, ...ofUsers])];
  }

  #claimColumns(relation: ProofRelation): readonly string[] {
    return this.#asked.identities
      .filter((one) => one.relation === relation && one.parameter.startsWith("claims."))
      .map(({ column }) => column);
  }

  placesOf(relation: ProofRelation, rowsOf: (name: string) => number): readonly Place[] {
    const user = this.userColumns(relation);
    if (user.length === 0) {
      const refers = relation.foreignKeys.some(({ to }) => rowsOf(formatQualified(to)) > 1);
      return refers || this.#claimColumns(relation).length > 0 ? planOfThings : plan.slice(0, 3);
    }
    const isList =
      this.isMembership(relation) ||
      relation.uniques.some((key) => key.length === 1 && user.includes(key[0] ?? ""));
    return plan.filter(
      (place) => place.user < 4 || (isList && this.#tells(place.user === 4 ? "former" : "admin")),
    );
  }
}

export function mayEnd(name: string): boolean {
  return endings.test(name) || expiries.test(name);
}

export function columnOf(relation: ProofRelation, name: string): ProofColumn | undefined {
  return relation.columns.find((one) => one.name === name);
}
