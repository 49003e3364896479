import type { Client } from "pg";
import { quoteQualified } from "../lib/sql-text.ts";
import type { EscalationFunction } from "./catalog.ts";
import { type Closure, type Dependencies, dependsOn } from "./closure.ts";
import type { Fixed } from "./engine.ts";

/** The function by which the auth server makes the claims of a token (Supabase's custom access token hook). */
export interface TokenHook {
  /** The claims that it makes of those in `$1`, as JSON text. */
  readonly sql: string;
  readonly closure: Closure;
}

export const claimsSetting = "request.jwt.claims";

/** It is called by its name: the database does not say which function the auth server was given. */
export async function readHook(
  client: Client,
  functions: readonly EscalationFunction[],
  dependencies: Dependencies,
  claims: readonly string[],
): Promise<TokenHook | undefined> {
  const found = functions.find(
    ({ name, argumentTypes, returns }) =>
      /access_token(?:_hook)?$/.test(name) && argumentTypes.join() === "jsonb" && /^jsonb?$/.test(returns),
  );
  if (found === undefined) return undefined;
  const event =
    "jsonb_build_object('user_id', $1::jsonb->>'sub', 'claims', $1::jsonb, 'authentication_method', 'password')";
  const sql = `select (${quoteQualified(found)}(${event})::jsonb -> 'claims')::text`;
  // One that fails for any persona would end every batch.
  await client.query("begin");
  try {
    for (const one of claims.filter(hasSubject)) await client.query(sql, [one]);
  } catch {
    return undefined;
  } finally {
    await client.query("rollback");
  }
  return { sql, closure: dependencies.closureOf({ kind: "function", oid: found.oid }) };
}

function hasSubject(claims: string): boolean {
  return claims.startsWith("{") && Object.hasOwn(JSON.parse(claims) as object, "sub");
}

/** What an answer depends on where the claims come from a hook: on what the hook reads, too. */
export function withHook(closure: Closure, hook: TokenHook | undefined): Closure {
  if (hook === undefined) return closure;
  const made = known.get(closure) ?? join(closure, hook.closure);
  known.set(closure, made);
  return made;
}

const known = new WeakMap<Closure, Closure>();

function join(one: Closure, other: Closure): Closure {
  const relations = new Map(one.relations);
  for (const [oid, columns] of other.relations) {
    const own = relations.get(oid);
    relations.set(oid, columns === "all" || own === "all" ? "all" : new Set([...(own ?? []), ...columns]));
  }
  return {
    relations,
    functions: new Set([...one.functions, ...other.functions]),
    anything: one.anything || other.anything,
    setsSettings: one.setsSettings || other.setsSettings,
  };
}

/** The hook as the batch gets it. */
export function hookIn(
  hook: TokenHook | undefined,
  settings: readonly string[],
  tables: readonly { readonly oid: string }[],
): Fixed["hook"] {
  if (hook === undefined || !settings.includes(claimsSetting)) return null;
  return {
    sql: hook.sql,
    setting: settings.indexOf(claimsSetting) + 1,
    relations: tables.flatMap(({ oid }, place) => (dependsOn(hook.closure, oid) ? [place + 1] : [])),
  };
}
