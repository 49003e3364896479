import type { ClientBase } from "pg";
import { readSql } from "../lib/sql-file.ts";
import { quoteIdent } from "../lib/sql-text.ts";
import type { FutureAccess } from "../model/gate.ts";
import type { Plan } from "../plan/plan.ts";

/** What a role would hold on objects that are not there yet. */
type FutureFact = Pick<FutureAccess, "object" | "schema" | "owner" | "role"> & { readonly privilege: string };
export interface FutureFacts {
  readonly facts: readonly FutureFact[];
  /** Schema and owner that were asked about. */
  readonly places: ReadonlySet<string>;
}

/**
 * Creates a table and a function in each exposed schema, as each role that owns relations there, asks what the personas' roles
 * hold on them, and undoes it. A role that may not create there creates nothing.
 */
export async function readFuture(client: ClientBase, { matrix, catalog }: Plan): Promise<FutureFacts> {
  const roles = [...new Set(matrix.personas.map(({ role }) => role))].filter((role) =>
    catalog.roles.some(({ name, superuser }) => name === role && !superuser),
  );
  const places = new Map(
    [
      ...matrix.exposes.map((schema) => ({ schema, owner: catalog.login.name })),
      ...catalog.relations.filter(({ schema }) => matrix.exposes.includes(schema)),
    ].map(({ schema, owner }) => [JSON.stringify([schema, owner]), { schema, owner }]),
  );
  const facts: FutureFact[] = [];
  for (const place of places.values()) facts.push(...(await factsOf(client, place, roles)));
  return { facts, places: new Set(places.keys()) };
}

async function factsOf(
  client: ClientBase,
  { schema, owner }: Pick<FutureFact, "schema" | "owner">,
  roles: readonly string[],
): Promise<FutureFacts["facts"]> {
  await client.query("savepoint rowgate_future");
  try {
    const name = `${quoteIdent(schema)}.rowgate_future`;
    await client.query(
      `set local role ${quoteIdent(owner)};
       create table ${name} ();
       create function ${name}() returns int language sql as 'select 1';
       set local role none`,
    );
    const { rows } = await client.query<Pick<FutureFact, "role" | "object" | "privilege">>(
      readSql("gate_future.sql"),
      [roles, schema],
    );
    return rows.map((row) => ({ ...row, schema, owner }));
  } catch {
    // It may not create there: then it creates nothing that others could reach.
    return [];
  } finally {
    await client.query("rollback to savepoint rowgate_future; release savepoint rowgate_future");
  }
}

/** What roles would hold otherwise than before, of schemas and owners that were there before. */
export function compareFuture(before: FutureFacts, after: FutureFacts): readonly FutureAccess[] {
  const all = [...before.facts, ...after.facts].filter(({ schema, owner }) => {
    const place = JSON.stringify([schema, owner]);
    return before.places.has(place) && after.places.has(place);
  });
  return [...new Map(all.map((one) => [keyOf(one), one])).values()].flatMap(
    ({ object, schema, owner, role }): readonly FutureAccess[] => {
      const place = { object, schema, owner, role };
      const [was, is] = [privilegesOf(before, place), privilegesOf(after, place)];
      const gained = is.filter((one) => !was.includes(one));
      const lost = was.filter((one) => !is.includes(one));
      return gained.length + lost.length === 0 ? [] : [{ object, schema, owner, role, gained, lost }];
    },
  );
}

/** What the role would hold on such an object. */
export function privilegesOf(
  { facts }: FutureFacts,
  place: Omit<FutureFact, "privilege">,
): readonly string[] {
  const key = keyOf(place);
  return facts.flatMap((one) => (keyOf(one) === key ? one.privilege : []));
}

function keyOf({ object, schema, owner, role }: Omit<FutureFact, "privilege">): string {
  return JSON.stringify([object, schema, owner, role]);
}
