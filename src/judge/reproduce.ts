import { shellWord } from "../lib/shell-word.ts";
import type { Cell } from "../model/cell.ts";
import type { Identity } from "../model/channel.ts";
import type { Reproduction } from "../model/run.ts";
import { holdsValue, quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import { postureRules } from "../model/posture.ts";
import type { Target } from "../model/target.ts";

/** A probe as each channel sent it: SQL, and `METHOD /path body`. */
export interface SentProbes {
  readonly direct: string | undefined;
  readonly rest: string | undefined;
}

/** How to reproduce a cell: nothing stays, or the way to undo it is given; the token comes from `rowgate token`. */
export function byHand(
  cell: Cell,
  identity: Identity | undefined,
  sent: SentProbes,
  context: CurlContext,
): Reproduction {
  return {
    psql: psqlBlock(cell, identity, shownStatement(cell, sent.direct)),
    ...curlByHand(cell, identity, sent.rest, context),
  };
}

/** What a probe counts and hashes, a person wants to see: the rows, by the columns that the persona may read. */
function shownStatement(cell: Cell, sent: string | undefined): string {
  if (sent !== undefined && (cell.operation !== "select" || cell.call !== undefined)) return sent;
  const { column, relation, role } = cell;
  const { info, key } = relation;
  const readable = info.privileges[role.name]?.select ?? [];
  const some = readable.length > 0 && readable.length < info.columns.length;
  const names =
    column === undefined
      ? some
        ? readable
        : []
      : [...key.filter((name) => name !== column && readable.includes(name)), column];
  const list = names.length === 0 ? "*" : names.map(quoteIdent).join(", ");
  return `select ${list} from ${quoteQualified(info)}${column === undefined ? "" : ` where ${holdsValue(column)}`}`;
}

function psqlBlock(cell: Cell, identity: Identity | undefined, statement: string): string {
  const { role, login, settings } = cell.persona;
  const claims =
    identity?.claims === undefined ? [] : [["request.jwt.claims", JSON.stringify(identity.claims)] as const];
  const sets = [...claims, ...Object.entries(settings)].map(
    ([name, value]) => `select set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, true);`,
  );
  return [
    "begin;",
    ...broughtSql(cell, identity),
    ...(login === undefined ? [] : [`set local session authorization ${quoteIdent(login)};`]),
    ...(login === role ? [] : [`set local role ${quoteIdent(role)};`]),
    ...sets,
    `${statement};`,
    "rollback;",
  ].join("\n");
}

/** What the login, or PostgREST for its role, brings into the session; read where it is stored, since it may be a secret. */
function broughtSql({ persona }: Cell, identity: Identity | undefined): readonly string[] {
  const own = new Set(Object.keys(persona.settings).map((name) => name.toLowerCase()));
  if (Object.keys(identity?.settings ?? {}).every((name) => own.has(name))) return [];
  const whose = quoteLiteral(quoteIdent(persona.login ?? persona.role));
  return [
    "select set_config(split_part(s, '=', 1), substr(s, strpos(s, '=') + 1), true) from pg_db_role_setting, unnest(setconfig) s " +
      `where setrole = ${whose}::regrole and s !~ '^(role|session_authorization)=' and setdatabase in ` +
      "(0, (select oid from pg_database where datname = current_database())) order by setdatabase;",
  ];
}

export interface CurlContext {
  readonly target: Target;
  readonly matrixFile: string;
  /** The gateway has shown that it undoes what a request asks it to undo. */
  readonly undoes: boolean;
}

/** `METHOD /path body`, as a probe was sent. */
interface Request {
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
}

/**
 * The request that was sent, for a shell. One that would stay is shown only with what takes it back: an INSERT of a row that its
 * key tells from all others. Rows that other writes were about were the run's own, and are gone.
 */
export function curlByHand(
  cell: Cell,
  identity: Identity | undefined,
  sent: string | undefined,
  context: CurlContext,
): Pick<Reproduction, "curl" | "undo"> {
  const { rest } = context.target;
  if (sent === undefined || rest === undefined) return { curl: undefined };
  const request = parsed(sent);
  const stays = !isRead(request) && !context.undoes;
  const undo = stays ? removalOf(cell, request) : undefined;
  if (stays && undo === undefined) return { curl: undefined };
  return {
    curl: curlLine(cell, identity, request, { ...context, rest, stays }),
    ...(undo !== undefined && { undo }),
  };
}

function parsed(sent: string): Request {
  const [, method = "GET", path = "/", body] = /^(\S+) (\S+)(?: (.*))?$/s.exec(sent) ?? [];
  return { method, path, body };
}

function isRead({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

/** `undefined`: not every column of the key is in what is sent. */
function removalOf({ operation, relation }: Cell, { body }: Request): string | undefined {
  if (operation !== "insert" || body === undefined || relation.key.length === 0) return undefined;
  const values = JSON.parse(body) as Readonly<Record<string, unknown>>;
  const named = relation.key.map((name) => [name, values[name]] as const);
  if (named.some(([, value]) => typeof value !== "string")) return undefined;
  const where = named.map(([name, value]) => `${quoteIdent(name)} = ${quoteLiteral(String(value))}`);
  return `delete from ${quoteQualified(relation.info)} where ${where.join(" and ")};`;
}

function curlLine(
  cell: Cell,
  identity: Identity | undefined,
  request: Request,
  {
    target,
    matrixFile,
    rest,
    stays,
  }: CurlContext & { readonly rest: NonNullable<Target["rest"]>; readonly stays: boolean },
): string {
  const { method, path, body } = request;
  const signer = postureRules[target.posture].shared ? ` --target ${shellWord(target.name)}` : "";
  const token =
    identity?.token === undefined
      ? // supabase-js sends its key as a token before anybody has signed in.
        rest.apiKey === undefined
        ? []
        : ['-H "Authorization: Bearer $API_KEY"']
      : [
          `-H "Authorization: Bearer $(rowgate token ${shellWord(cell.persona.name)} --matrix ${shellWord(matrixFile)}${signer})"`,
        ];
  const profile = isRead(request) ? "Accept-Profile" : "Content-Profile";
  return [
    "curl -i",
    ...(method === "GET" ? [] : method === "HEAD" ? ["-I"] : [`-X ${method}`]),
    ...token,
    ...(rest.apiKey === undefined ? [] : ['-H "apikey: $API_KEY"']),
    `-H '${profile}: ${cell.relation.info.schema}'`,
    `-H 'Prefer: count=exact${stays ? "" : ", tx=rollback"}'`,
    ...(body === undefined ? [] : ["-H 'Content-Type: application/json'", `-d ${shellWord(body)}`]),
    shellWord(`${rest.url}${path}`),
  ].join(" ");
}
