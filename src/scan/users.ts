import type { ClientBase } from "pg";
import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { Asked, IdentityColumn, IdentitySource } from "./identity.ts";

/** Users who differ in nothing that policies ask about, and one of them. */
export interface UserClass {
  readonly source: IdentitySource;
  readonly value: string;
  /** `members.user_id (role admin)` */
  readonly places: readonly string[];
  /** Users of the class. */
  readonly users: number;
}

interface UserRow {
  readonly value: string;
  readonly place: string;
}

/** Rows of one column: more users than this make no more classes that a person would read. */
const mostUsers = 2_000;

/** Finds out who is in the data, as far as policies ask: by the columns that they compare with who asks. */
export async function findUsers(client: ClientBase, asked: Asked): Promise<readonly UserClass[]> {
  const sources = new Map<string, IdentityColumn[]>();
  for (const one of asked.identities) {
    const key = JSON.stringify(one.source);
    sources.set(key, [...(sources.get(key) ?? []), one]);
  }
  const classes: UserClass[] = [];
  for (const columns of sources.values()) {
    const byValue = new Map<string, Set<string>>();
    for (const column of columns) {
      const { rows } = await client.query<UserRow>(usersSql(column, asked));
      for (const { value, place } of rows) byValue.set(value, (byValue.get(value) ?? new Set()).add(place));
    }
    const [first] = columns;
    if (first !== undefined) classes.push(...classesOf(first.source, byValue));
  }
  return classes;
}

function classesOf(
  source: IdentitySource,
  byValue: ReadonlyMap<string, ReadonlySet<string>>,
): readonly UserClass[] {
  const classes = new Map<string, { value: string; places: readonly string[]; users: number }>();
  for (const [value, found] of [...byValue].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const places = [...found].toSorted();
    const known = classes.get(places.join("\n"));
    if (known === undefined) classes.set(places.join("\n"), { value, places, users: 1 });
    else known.users += 1;
  }
  return [...classes.values()]
    .toSorted((a, b) => b.places.length - a.places.length)
    .map((one) => ({ source, ...one }));
}

/** One row a user and what the rest of its row says that policies compare with constants. */
function usersSql({ relation, column }: IdentityColumn, { constants }: Asked): string {
  const facts = constants.filter((one) => one.relation === relation && one.column !== column);
  const shown = facts.map(
    (one) =>
      `${quoteLiteral(`${one.column} `)} || coalesce(left(${quoteIdent(one.column)}::text, 40), 'null')`,
  );
  const place = `${relation.name}.${column}`;
  const inRow = shown.length === 0 ? "''" : `' (' || ${shown.join(" || ', ' || ")} || ')'`;
  return `select distinct ${quoteIdent(column)}::text as value, ${quoteLiteral(place)} || ${inRow} as place
from ${quoteQualified(relation)} where ${quoteIdent(column)} is not null order by 1, 2 limit ${mostUsers}`;
}
