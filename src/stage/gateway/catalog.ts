import type { ClientBase, QueryResultRow } from "pg";
import { RowgateError } from "../../model/errors.ts";
import { readSql } from "../../lib/sql-file.ts";

interface Column {
  readonly name: string;
  /** As Postgres writes it, with its schema unless that is `pg_catalog`. */
  readonly type: string;
  /** SQL of the default, or null. */
  readonly default: string | null;
  /** PostgREST would convert its values with casts of the database's own. */
  readonly represented: boolean;
}

export interface Relation {
  readonly schema: string;
  readonly name: string;
  readonly keyColumns: readonly string[];
  readonly columns: readonly Column[];
}

export interface Argument {
  /** Empty for an argument without a name. */
  readonly name: string;
  readonly type: string;
  /** The same type without the length that it would ignore. */
  readonly longest: string;
  readonly required: boolean;
  readonly variadic: boolean;
}

export interface Routine {
  readonly schema: string;
  readonly name: string;
  readonly arguments: readonly Argument[];
  readonly returnsSet: boolean;
  readonly returnsRow: boolean;
  readonly returnsVoid: boolean;
  /** The relation or type whose rows it returns. */
  readonly rowType: string | null;
  readonly isVolatile: boolean;
  readonly returnsMedia: boolean;
  readonly settings: Readonly<Record<string, string>>;
}

/** What the exposed schemas hold, read once: PostgREST's schema cache. */
export interface Catalog {
  relation(schema: string, name: string): Relation | undefined;
  /** All of that name, those with fewest arguments first. */
  routines(schema: string, name: string): readonly Routine[];
  settingsOf(role: string): Readonly<Record<string, string>>;
  readonly hasMediaHandlers: boolean;
}

/**
 * Reads the catalogue as the gateway's login, which needs no privilege for it.
 * @throws {RowgateError} `gateway/schema`
 */
export async function readCatalog(client: ClientBase, schemas: readonly string[]): Promise<Catalog> {
  // Without a search path Postgres names every type with its schema, as the statements need it later.
  await client.query("begin isolation level repeatable read read only; set local search_path = ''");
  const ask = async <Row extends QueryResultRow>(file: string, values: unknown[]): Promise<Row[]> =>
    (await client.query<Row>(readSql(file), values)).rows;
  const known = await ask<{ name: string }>("gateway_schemas.sql", [schemas]);
  const missing = schemas.filter((schema) => !known.some(({ name }) => name === schema));
  if (missing.length > 0) throw noSchema(missing);
  const relations = await ask<Relation>("gateway_relations.sql", [schemas]);
  const routines = await ask<Routine>("gateway_routines.sql", [schemas]);
  const roles = await ask<{ role: string; settings: Record<string, string> }>("gateway_roles.sql", []);
  const handlers = await ask<{ found: boolean }>("gateway_media_handlers.sql", [schemas]);
  await client.query("commit");

  const byName = new Map(relations.map((relation) => [key(relation.schema, relation.name), relation]));
  const overloads = new Map<string, Routine[]>();
  for (const routine of routines.toSorted((a, b) => a.arguments.length - b.arguments.length)) {
    const name = key(routine.schema, routine.name);
    overloads.set(name, [...(overloads.get(name) ?? []), routine]);
  }
  const settings = new Map(roles.map((role) => [role.role, role.settings]));
  return {
    relation: (schema, name) => byName.get(key(schema, name)),
    routines: (schema, name) => overloads.get(key(schema, name)) ?? [],
    settingsOf: (role) => settings.get(role) ?? {},
    hasMediaHandlers: handlers[0]?.found === true,
  };
}

function noSchema(missing: readonly string[]): RowgateError {
  return new RowgateError({
    code: "gateway/schema",
    message: `the gateway should expose what does not exist: schema ${missing.join(", ")}`,
    hint: "create it before the gateway starts, or leave it out of the exposed schemas",
  });
}

function key(schema: string, name: string): string {
  return JSON.stringify([schema, name]);
}
