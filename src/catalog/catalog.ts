import type { ClientBase } from "pg";
import type {
  Catalog,
  DefaultPrivileges,
  RelationInfo,
  RoleInfo,
  RoutineInfo,
  SessionFact,
} from "../model/catalog.ts";
import { RowgateError } from "../model/errors.ts";
import { fillSql, readSql, relationParts } from "../lib/sql-file.ts";
import { calledNames, mayMean } from "../lib/sql-calls.ts";
import { type SqlToken, tokenizeSql } from "../lib/sql-tokens.ts";

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

/** A function of the system whose body calls what rowgate installed in place of an extension. */
interface StandInCall {
  readonly oid: string;
  readonly extension: string;
}

interface Named {
  readonly extension: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: "function" | "operator" | "operand";
}

interface Body {
  readonly oid: string;
  readonly name: string;
  readonly body: string;
  readonly settings: string;
}

/** Empty, after one short question, where no extension is a stand-in. */
async function readStandInCalls(client: ClientBase): Promise<readonly StandInCall[]> {
  const { rows: named } = await client.query<Named>(readSql("catalog_stand_ins.sql"));
  if (named.length === 0) return [];
  const { rows: bodies } = await client.query<Body>(readSql("catalog_bodies.sql"));
  return bodies.flatMap((one) => extensionsIn(one, named).map((extension) => ({ oid: one.oid, extension })));
}

/**
 * Which stand-ins a body calls, by its tokens: a comment calls nothing, and a text nothing unless the body runs SQL that it puts
 * together. An operator counts where the body also names something that an operand of its type may come from: `&&` of arrays is none
 * of PostGIS's. One too many makes a cell inconclusive; a missed one would let it pass.
 */
function extensionsIn({ name, body, settings }: Body, named: readonly Named[]): readonly string[] {
  const code = tokenizeSql(body).filter(({ kind }) => kind !== "comment");
  const dynamic = code.some(({ kind, text }) => kind === "word" && /^execute$/i.test(text));
  const texts = dynamic ? code.filter(({ kind }) => kind === "string").map(({ text }) => text) : [];
  const made = texts.join("\n").toLowerCase();
  const calls = calledNames(body);
  const words = new Set([...code.flatMap(wordsOf), ...made.split(/[^\w$\u0080-\uffff]+/), name]);
  const operators = new Set([
    ...operatorsIn(code),
    ...texts.flatMap((text) => operatorsIn(tokenizeSql(text.slice(1, -1)))),
  ]);
  const mentions = (schema: string): boolean => words.has(schema) || settings.includes(schema);
  const found = named.filter((one) => {
    if (one.kind === "operand") return false;
    if (one.kind === "operator")
      return (
        operators.has(one.name) &&
        named.some(
          ({ kind, extension, name: operand }) =>
            kind === "operand" && extension === one.extension && words.has(operand),
        )
      );
    // A schema of the extension's own is named by who calls into it.
    const called = calls.some((call) => mayMean(call, one)) || (dynamic && wordIn(made, one.name));
    return called && (usualSchemas.has(one.schema) || mentions(one.schema));
  });
  return [...new Set(found.map(({ extension }) => extension))];
}

const usualSchemas: ReadonlySet<string> = new Set(["public", "extensions"]);

function wordsOf({ kind, text }: SqlToken): readonly string[] {
  if (kind === "word") return [text.toLowerCase()];
  return kind === "quoted" ? [text.slice(1, -1).replaceAll('""', '"')] : [];
}

function wordIn(text: string, word: string): boolean {
  return text.split(/[^\w$\u0080-\uffff]+/).includes(word);
}

/** Operator characters that touch are one operator. */
function operatorsIn(tokens: readonly SqlToken[]): readonly string[] {
  const found: string[] = [];
  let end = -1;
  for (const { kind, text, index } of tokens) {
    if (kind !== "punctuation" || !/^[-+*/<>=~!@#%^&|`?]+$/.test(text)) continue;
    if (index === end) found.push(`${found.pop() ?? ""}${text}`);
    else found.push(text);
    end = index + text.length;
  }
  return found;
}
