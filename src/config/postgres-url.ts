import { didYouMean, listNames, nearest } from "../lib/nearest.ts";

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
    return { problem: "this is no database URL", hint: "it begins with `postgresql://`" };
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
