import type { IncomingHttpHeaders } from "node:http";
import { quoteIdent } from "../../lib/sql-text.ts";
import { sql } from "./fragment.ts";
import type { Sql, Statement } from "./fragment.ts";
import type { Identity } from "./jwt.ts";
import type { Plan } from "./plan.ts";

export interface SessionRules {
  readonly extraSearchPath: readonly string[];
  /** Settings of the role that is switched to. */
  readonly ofRole: Readonly<Record<string, string>>;
}

// They decide how the transaction begins, and cannot be set once it has.
const isolation = "default_transaction_isolation";

/** One statement that makes the transaction what its request is: who asks, for what, and with which settings. */
export function sessionSettings(
  { request, settings }: Plan,
  identity: Identity,
  rules: SessionRules,
): Statement {
  const path = [request.schema, ...rules.extraSearchPath].map(quoteIdent).join(", ");
  const { cookie, ...headers } = request.headers;
  const timezone = request.prefer.timezone;
  const all: readonly (readonly [string, string])[] = [
    ["search_path", path],
    // Before the role: a login may be allowed a setting that the role is not.
    ...withoutIsolation(rules.ofRole),
    ["role", identity.role],
    ["request.jwt.claims", identity.claims],
    ["request.method", request.method],
    ["request.path", request.path],
    ["request.headers", JSON.stringify(flat(headers))],
    ["request.cookies", JSON.stringify(cookies(cookie))],
    ...(timezone === undefined ? [] : [["timezone", timezone] as const]),
    ...withoutIsolation(settings),
  ];
  return { text: textFor(all.length), values: all.flatMap(([name, value]) => [name, value]) };
}

/** Every request runs this statement, so its text is made once for each number of settings. */
const texts = new Map<number, string>();

function textFor(settings: number): string {
  const known = texts.get(settings);
  if (known !== undefined) return known;
  const calls = Array.from({ length: settings }, (_, i) => `set_config($${2 * i + 1}, $${2 * i + 2}, true)`);
  const text = `select ${calls.join(", ")}`;
  texts.set(settings, text);
  return text;
}

function withoutIsolation(settings: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(settings).filter(([name]) => name !== isolation);
}

const levels: Readonly<Record<string, Sql>> = {
  "read committed": sql`read committed`,
  "repeatable read": sql`repeatable read`,
  serializable: sql`serializable`,
};

/** `begin …`: the function's isolation level, then the role's, then READ COMMITTED; PostgREST knows no other way. */
export function beginning({ readOnly, settings }: Plan, ofRole: Readonly<Record<string, string>>): Sql {
  const level = levels[(settings[isolation] ?? ofRole[isolation] ?? "").toLowerCase()] ?? sql`read committed`;
  return sql`begin isolation level ${level} ${readOnly ? sql`read only` : sql`read write`}`;
}

function flat(headers: IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name, String(value ?? "")] as const);
  return Object.fromEntries(entries);
}

function cookies(header: string | undefined): Record<string, string> {
  const pairs = (header ?? "").split(";").flatMap((pair): [string, string][] => {
    const [name = "", ...value] = pair.trim().split("=");
    return name === "" ? [] : [[name, value.join("=").replace(/^"(.*)"$/, "$1")]];
  });
  return Object.fromEntries(pairs);
}
