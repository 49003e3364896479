import type { Cell } from "../model/cell.ts";
import type { Identity } from "../model/channel.ts";
import type { Reproduction } from "../model/run.ts";
import { holdsValue, quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import { type CurlContext, curlByHand } from "./reproduce-curl.ts";

/** A probe as each channel sent it: SQL, and `METHOD /path body`. */
export interface SentProbes {
  readonly direct: string | undefined;
  readonly rest: string | undefined;
}

/** How to see a cell by hand: nothing stays, or it is said how to take it back; the token comes from `rowgate token`. */
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
