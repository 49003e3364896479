import type { ClientBase } from "pg";
import type {
  Catalog,
  DefaultPrivileges,
  RelationInfo,
  RoleInfo,
  RoutineInfo,
  SessionFact,
} from "../model/catalog.ts";
import { readStandInCalls } from "./stand-ins.ts";
import { RowgateError } from "../model/errors.ts";
import { fillSql, readSql, relationParts } from "../lib/sql-file.ts";

interface RoleRow {
  readonly name: string;
  readonly superuser: boolean;
  readonly bypassRls: boolean;
  readonly canLogin: boolean;
  readonly inherits: string[];
  readonly mayBecome: string[];
  readonly isLogin: boolean;
}

/**
 * Reads what is in force: relations and functions of `schemas`, and what each of `roles` holds on them.
 * A role or schema that does not exist is simply absent from the answer.
 * @param personas the session settings that they hold, by name, and whether some log in by themselves: no gateway says
 * who those are
 */
export async function readCatalog(
  client: ClientBase,
  schemas: readonly string[],
  roles: readonly string[],
  personas: { readonly settings: readonly string[]; readonly logIn: boolean } = {
    settings: [],
    logIn: false,
  },
): Promise<Catalog> {
  const relations = await client.query<{ relation: string }>(
    fillSql("catalog_relations.sql", relationParts()),
    [schemas, roles],
  );
  const routines = await client.query<{ routine: string }>(readSql("catalog_routines.sql"), [schemas, roles]);
  const found = await client.query<RoleRow>(readSql("catalog_roles.sql"), [roles]);
  const facts = await client.query<SessionFact>(readSql("catalog_session_facts.sql"), [
    schemas,
    personas.settings.map((name) => name.toLowerCase()),
    personas.logIn,
    JSON.stringify(await readStandInCalls(client)),
  ]);
  const definitions = await client.query<{ name: string; digest: string }>(
    readSql("catalog_definitions.sql"),
  );
  const server = await client.query<{ version: string; num: number; database: string }>(
    "select current_setting('server_version') as version, current_setting('server_version_num')::int as num, current_database() as database",
  );
  const login = found.rows.find((row) => row.isLogin);
  const about = server.rows[0];
  if (login === undefined || about === undefined) {
    throw new RowgateError({
      code: "catalog/no-login",
      message: "The server does not say who is logged in.",
    });
  }
  return {
    serverVersion: about.version,
    serverVersionNum: about.num,
    database: about.database,
    login: roleInfo(login),
    roles: found.rows.map(roleInfo),
    relations: relations.rows.map((row) => JSON.parse(row.relation) as RelationInfo),
    sessionFacts: facts.rows,
    routines: routines.rows.map((row) => JSON.parse(row.routine) as RoutineInfo),
    defaultPrivileges: await readDefaultPrivileges(client),
    definitions: Object.fromEntries(definitions.rows.map(({ name, digest }) => [name, digest])),
  };
}

export async function readDefaultPrivileges(client: ClientBase): Promise<readonly DefaultPrivileges[]> {
  return (await client.query<DefaultPrivileges>(readSql("catalog_default_privileges.sql"))).rows;
}

function roleInfo({ name, superuser, bypassRls, canLogin, inherits, mayBecome }: RoleRow): RoleInfo {
  return { name, superuser, bypassRls, canLogin, inherits, mayBecome };
}

/** Whether some policy, view or function of the whole database may read who logged in. */
export async function readsSessionUser(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ reads: boolean }>(readSql("reads_session_user.sql"));
  return rows[0]?.reads !== false;
}
