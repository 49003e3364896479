import jwt from "jsonwebtoken";
import { Client } from "pg";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import type { GatewayConfig } from "../../src/stage/gateway/config.ts";
import { send } from "./gateway-client.ts";
import type { Received, Sent } from "./gateway-client.ts";
import { gatewayConfig } from "../support/gateway.ts";

export const secret = "a-secret-of-the-tests-with-at-least-32-bytes";

/** Settings for a database whose schema `api` is exposed; writes are rolled back. */
export function configFor(
  server: EmbeddedServer,
  database: string,
  over: Partial<GatewayConfig> = {},
): GatewayConfig {
  return gatewayConfig(server, { ...server.database, database }, { secret }, { schemas: ["api"], ...over });
}

/** `Authorization` of a token with these claims. */
export function bearer(claims: object): { readonly Authorization: string } {
  return { Authorization: `Bearer ${jwt.sign(claims, secret, { noTimestamp: true })}` };
}

export const alice: { readonly Authorization: string } = bearer({ role: "authenticated", sub: "alice" });
export const service: { readonly Authorization: string } = bearer({ role: "service_role" });
export const json = { "Content-Type": "application/json" };

/** The error code of an answer, or undefined for one that is none. */
export function codeOf({ body }: Received): string | undefined {
  const value = (body === "" ? {} : JSON.parse(body)) as { readonly code?: string };
  return Array.isArray(value) ? undefined : value.code;
}

export async function get(url: string, path: string, headers: Sent["headers"] = {}): Promise<Received> {
  return send(url, { method: "GET", path, headers });
}

/** Runs SQL as the superuser, past every policy. */
export async function asOwner(
  { database }: EmbeddedServer,
  name: string,
  sql: string,
): Promise<Record<string, unknown>[]> {
  const client = new Client({ ...database, database: name, ssl: false });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
