import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import jwt from "jsonwebtoken";
import { asSuperuser } from "./as-superuser.ts";
import type { DatabaseAddress } from "../../src/model/target.ts";
import { startEmbedded } from "../../src/stage/postgres/server.ts";
import type { TxEnd } from "../../src/stage/gateway/config.ts";
import { spawnGateway } from "../../src/stage/gateway/spawn.ts";
import { applySystemSql } from "../../src/stage/system.ts";
import { gatewayConfig } from "./gateway.ts";

/** What `supabase start` leaves, in so far as it matters here: the login is no superuser, and API roles get everything. */
export interface LocalStack {
  /** `NAME="value"` lines, as `supabase status -o env` prints them. */
  readonly status: string;
  readonly values: Readonly<Record<string, string>>;
  /** As the superuser. */
  readonly database: DatabaseAddress;
  /** `GET /path` of every request that came to PostgREST. */
  readonly arrived: string[];
  stop(): Promise<void>;
}

const publishable = "sb_publishable_ACJWlzQHlZjBrEguHvfOxg";

/** @param policies folder of numbered SQL, applied by the stack's own login as migrations are */
export async function startStack(policies: string, txEnd: TxEnd): Promise<LocalStack> {
  const server = await startEmbedded();
  const database = await server.createDatabase("stack");
  const login = { user: "stack_owner", password: randomBytes(12).toString("hex") };
  await asSuperuser(database, supabaseSql(login));
  await applySystemSql({ ...database, ...login }, { policies, overlays: [] });
  const secret = `super-secret-jwt-token-${randomBytes(16).toString("hex")}`;
  const gateway = await spawnGateway(gatewayConfig(server, database, { secret }, { txEnd }));
  const keys = { anon: keyOf("anon", secret), service_role: keyOf("service_role", secret) };
  const arrived: string[] = [];
  const front = await openFront(gateway.url, keys.anon, arrived);
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  const values = {
    ANON_KEY: keys.anon,
    API_URL: url,
    DB_URL: `postgresql://${login.user}:${login.password}@127.0.0.1:${database.port}/stack`,
    GRAPHQL_URL: `${url}/graphql/v1`,
    JWT_SECRET: secret,
    PUBLISHABLE_KEY: publishable,
    REST_URL: `${url}/rest/v1`,
    SECRET_KEY: "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz",
    SERVICE_ROLE_KEY: keys.service_role,
  };
  return {
    status: printed(values),
    values,
    database,
    arrived,
    stop: async () => {
      front.closeAllConnections();
      await new Promise((resolve) => front.close(resolve));
      await gateway.stop();
      await server.stop();
    },
  };
}

/** As the CLI prints them. */
export function printed(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${value.replaceAll(/[\\"!$`]/g, String.raw`\$&`)}"\n`)
    .join("");
}

/** https://github.com/supabase/postgres, migrations/db: what a project's `postgres` may, and what API roles are given. */
function supabaseSql({ user, password }: { readonly user: string; readonly password: string }): string {
  return `
    create role ${user} login nosuperuser createdb createrole bypassrls password '${password}';
    grant anon, authenticated, service_role, authenticator, pg_monitor to ${user};
    -- There by an extension, supautils: its privileged role may set this one.
    grant set on parameter session_replication_role to ${user};
    grant all on schema public to ${user};
    grant usage on schema auth to ${user};
    alter default privileges for role ${user} in schema public
      grant all on tables to anon, authenticated, service_role;
    alter default privileges for role ${user} in schema public
      grant all on functions to anon, authenticated, service_role;
    alter default privileges for role ${user} in schema public
      grant all on sequences to anon, authenticated, service_role;
    grant all on auth.users to ${user};`;
}

function keyOf(role: string, secret: string): string {
  return jwt.sign({ iss: "supabase-demo", role, exp: 1_983_812_996 }, secret, { noTimestamp: true });
}

/** Stands where the stack's API gateway does: PostgREST is below /rest/v1, and whoever brings no token is anon. */
async function openFront(to: string, anonKey: string, arrived: string[]): Promise<Server> {
  const server = createServer((incoming, response) => {
    const path =
      incoming.url?.startsWith("/rest/v1/") === true ? incoming.url.slice("/rest/v1".length) : undefined;
    if (path === undefined) {
      response.writeHead(404).end('{"message":"no Route matched with those values"}');
      return;
    }
    arrived.push(`${incoming.method} ${path}`);
    const { host: _host, authorization, ...headers } = incoming.headers;
    const bearer =
      authorization === undefined || authorization.startsWith("Bearer sb_")
        ? `Bearer ${anonKey}`
        : authorization;
    passOn(`${to}${path}`, incoming, { ...headers, authorization: bearer }, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return server;
}

function passOn(
  url: string,
  incoming: IncomingMessage,
  headers: IncomingMessage["headers"],
  response: ServerResponse,
): void {
  const outgoing = request(url, { method: incoming.method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  outgoing.on("error", () => response.destroy());
  incoming.pipe(outgoing);
}
