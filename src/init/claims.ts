import type { Client } from "pg";
import { quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import type { Schema } from "../prove/analyse/schema.ts";
import type { AskedOf } from "./asked.ts";

export type Claims = Record<string, unknown>;

/** What claims each user has, as far as policies ask for them: its own email, and a value of the column that is compared. */
export async function readClaims(
  client: Client,
  schema: Schema,
  asked: AskedOf,
  chosen: readonly { readonly name: string; readonly user: { readonly value: string } }[],
): Promise<ReadonlyMap<string, Claims>> {
  const claims = new Map<string, Claims>(chosen.map(({ name }) => [name, {}]));
  const parameters = [...new Set(asked.identities.map(({ parameter }) => parameter))].filter((one) =>
    one.startsWith("claims."),
  );
  for (const parameter of parameters) {
    const values = parameter === "claims.email" ? undefined : await valuesOf(client, asked, parameter);
    for (const { name, user } of chosen) {
      const mail = values === undefined ? await emailOf(client, schema, user.value) : undefined;
      const value = values === undefined ? mail : name === "stranger" ? (values[1] ?? values[0]) : values[0];
      if (value !== undefined) put(claims.get(name) ?? {}, parameter, value);
    }
  }
  return claims;
}

async function emailOf(client: Client, schema: Schema, id: string): Promise<string | undefined> {
  if (schema.relation("auth", "users") === undefined) return undefined;
  const { rows } = await client.query<{ email: string | null }>(
    "select email from auth.users where id::text = $1",
    [id],
  );
  return rows[0]?.email ?? undefined;
}

async function valuesOf(client: Client, asked: AskedOf, parameter: string): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const { relation, column } of asked.identities.filter((one) => one.parameter === parameter)) {
    const { rows } = await client.query<{ value: string }>(
      `select ${quoteIdent(column)}::text as value from ${quoteQualified(relation)} where ${quoteIdent(column)} is not null group by 1 order by count(*) desc, 1 limit 5`,
    );
    for (const { value } of rows) found.add(value);
  }
  return [...found];
}

export function put(claims: Claims, parameter: string, value: unknown, over = false): void {
  const path = parameter.split(".").slice(1);
  let at = claims;
  for (const key of path.slice(0, -1)) at = (at[key] ??= {}) as Claims;
  const last = path.at(-1) ?? "";
  if (over || at[last] === undefined) at[last] = value;
}
