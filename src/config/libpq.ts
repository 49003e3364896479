import path from "node:path";
import pgpass from "pgpass";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import { readFileSync } from "node:fs";
import { Writable } from "node:stream";

/** The environment. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Parts of a connection, by libpq's names. */
export const parts = [
  "host",
  "port",
  "dbname",
  "user",
  "password",
  "sslmode",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "options",
] as const;
export type Part = (typeof parts)[number];
/** libpq's ways of using TLS, from the weakest. */
export const sslmodes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;

export type Parts = Readonly<Partial<Record<Part, string>>>;

/** Parameters that change nothing about where a connection leads or how safe it is; some are other programs'. */
const idle: ReadonlySet<string> = new Set([
  "application_name",
  "fallback_application_name",
  "channel_binding",
  "client_encoding",
  "connect_timeout",
  "connection_limit",
  "gssencmode",
  "keepalives",
  "keepalives_idle",
  "keepalives_interval",
  "keepalives_count",
  "pgbouncer",
  "pool_timeout",
  "schema",
  "target_session_attrs",
  "tcp_user_timeout",
]);

/**
 * Reads `postgresql://user:password@host:port/dbname?param=value`. No message repeats any of it.
 * Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function parsePostgresUrl(text: string): Parts | { readonly problem: string; readonly hint?: string } {
  if (!/^postgres(?:ql)?:\/\//.test(text))
    return { problem: "this is not a database URL", hint: "it begins with `postgresql://`" };
  const url = tryUrl(text);
  if (url === undefined) {
    const several = /@[^/?#]*,|^[a-z]+:\/\/[^/?#@]*,/.test(text);
    return several
      ? { problem: "this database URL names several hosts", hint: "name the one that is to be proved" }
      : {
          problem: "this database URL cannot be read",
          hint: "`postgresql://user:password@host:5432/database`; `@ : / ? #` in a password are written %40 %3A %2F %3F %23",
        };
  }
  const found: Partial<Record<Part, string>> = {};
  const put = (part: Part, raw: string): void => {
    if (raw !== "") found[part] = decodeURIComponent(raw);
  };
  try {
    put("user", url.username);
    put("password", url.password);
    put("host", url.hostname.replace(/^\[(.+)\]$/, "$1"));
    put("port", url.port);
    put("dbname", url.pathname.replace(/^\//, ""));
  } catch {
    return {
      problem: "this database URL holds a `%` that begins no character",
      hint: "`%` itself is written %25",
    };
  }
  for (const [name, value] of url.searchParams) {
    if (isPart(name)) found[name] = value;
    else if (!idle.has(name)) {
      const meant = didYouMean(nearest(name, [...parts, ...idle]));
      return {
        problem: `this database URL has an unknown parameter \`${name}\`${meant}`,
        hint: `known: ${listNames(parts, 12)}`,
      };
    }
  }
  return found;
}

export function isPart(name: string): name is Part {
  return (parts as readonly string[]).includes(name);
}

function tryUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

export type Service = Readonly<Partial<Record<Part, { readonly text: string; readonly from: string }>>>;

/** Files that libpq looks into, the user's own first. */
export function serviceFiles(variables: Variables): readonly string[] {
  const { PGSERVICEFILE, HOME, PGSYSCONFDIR } = variables;
  const own = PGSERVICEFILE ?? (HOME === undefined ? undefined : path.join(HOME, ".pg_service.conf"));
  return [
    ...(own === undefined ? [] : [own]),
    ...(PGSYSCONFDIR === undefined ? [] : [path.join(PGSYSCONFDIR, "pg_service.conf")]),
  ];
}

/**
 * One service of a `pg_service.conf`: sections of `key=value`, everything after `=` literally. (An INI reader would take
 * `;` and quotes in a password for its own.) Source: https://www.postgresql.org/docs/current/libpq-pgservice.html
 * @returns `undefined` when no file names the service; the names that are known, for a suggestion
 */
export function readService(
  name: string,
  files: readonly string[],
): { readonly service: Service | undefined; readonly known: readonly string[] } {
  const known: string[] = [];
  for (const file of files) {
    let section: string | undefined;
    let service: Record<string, { text: string; from: string }> | undefined;
    for (const [index, line] of linesOf(file).entries()) {
      const text = line.trim();
      if (text === "" || text.startsWith("#")) continue;
      const head = /^\[(.*)\]$/.exec(text)?.[1];
      if (head !== undefined) {
        section = head;
        known.push(head);
        if (section === name) service ??= {};
        continue;
      }
      const [, key = "", value = ""] = /^([^=]*)=(.*)$/.exec(text) ?? [];
      if (section === name && service !== undefined && isPart(key))
        service[key] ??= { text: value, from: `${file}:${index + 1}` };
    }
    if (service !== undefined) return { service, known };
  }
  return { service: undefined, known };
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split(/\r?\n/);
  } catch {
    return [];
  }
}

export interface PasswordAnswer {
  readonly password: string | undefined;
  /** Why the file was not read, where there is one. */
  readonly warning: string | undefined;
}

/** What the password file (PGPASSFILE, else `~/.pgpass`) says for a login, as libpq and `pg` read it. */
export async function passwordFromFile(login: {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}): Promise<PasswordAnswer> {
  let warning = "";
  const before = pgpass.warnTo(
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        warning += chunk.toString();
        done();
      },
    }),
  );
  try {
    // A socket is `localhost` there.
    const host = login.host.startsWith("/") ? "localhost" : login.host;
    const password = await new Promise<string | undefined>((resolve) => pgpass({ ...login, host }, resolve));
    return { password, warning: warning.trim().replace(/^WARNING: /, "") || undefined };
  } finally {
    pgpass.warnTo(before);
  }
}
