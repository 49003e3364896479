import { RowgateError } from "../../model/errors.ts";
import type { QualifiedName } from "../../lib/sql-text.ts";
import type { DatabaseAddress } from "../../model/target.ts";

/** How a transaction ends; `-allow-override` lets `Prefer: tx=commit` or `tx=rollback` decide. PostgREST's `db-tx-end`. */
export type TxEnd = "commit" | "commit-allow-override" | "rollback" | "rollback-allow-override";

/** A key that verifies tokens, as RFC 7517 writes it. */
export interface Jwk {
  readonly kty: string;
  readonly kid?: string | undefined;
  readonly use?: string | undefined;
  readonly alg?: string | undefined;
  readonly [member: string]: unknown;
}

/** Without a secret and without keys, every token is refused with PGRST300. */
export interface TokenRules {
  /** HS256; at least 32 bytes. */
  readonly secret?: string | undefined;
  readonly jwks?: readonly Jwk[] | undefined;
  /** PostgREST's `jwt-aud`; a token without `aud` passes all the same. */
  readonly audience?: string | undefined;
}

/** Either gateway runs with these; the names are those of PostgREST's settings. */
export interface GatewayConfig {
  /** The login that may become each role: `authenticator`. */
  readonly database: DatabaseAddress;
  /** At least one; the first is the default. */
  readonly schemas: readonly string[];
  readonly anonRole: string | undefined;
  readonly jwt: TokenRules;
  readonly txEnd: TxEnd;
  readonly preRequest?: QualifiedName | undefined;
  readonly maxRows?: number | undefined;
  /** Behind the request's schema in `search_path`; `["public"]` by default. */
  readonly extraSearchPath?: readonly string[] | undefined;
  /** Connections to the database; 10 by default. */
  readonly poolSize?: number | undefined;
  /** 0, the default, takes a free one. */
  readonly port?: number | undefined;
  /** A loopback address; `127.0.0.1` by default. */
  readonly host?: string | undefined;
  /** Bytes of a request's body; 8 MiB by default. The builtin gateway only. */
  readonly maxBodyBytes?: number | undefined;
  /** Milliseconds for one statement, unless its role has its own setting; 30,000 by default. */
  readonly statementTimeoutMs?: number | undefined;
  /** For how long a request waits for another's lock; as long as a statement may take, unless given. */
  readonly lockTimeoutMs?: number | undefined;
}

const loopback = new Set(["127.0.0.1", "::1", "localhost"]);

/**
 * Refuses settings with which no gateway could do its job.
 * @throws {RowgateError} `gateway/config`
 */
export function checkConfig(config: GatewayConfig): void {
  const { secret } = config.jwt;
  if (config.schemas.length === 0) throw unfit("it exposes no schema");
  if (secret !== undefined && Buffer.byteLength(secret) < 32)
    throw unfit("the JWT secret is shorter than 32 bytes", "PostgREST refuses such a secret too");
  if (!loopback.has(config.host ?? "127.0.0.1"))
    throw unfit(
      `it would listen on ${config.host}`,
      "a gateway for probes listens on a loopback address only",
    );
}

function unfit(why: string, hint?: string): RowgateError {
  return new RowgateError({ code: "gateway/config", message: `the gateway cannot start: ${why}`, hint });
}

/** All keys of a gateway; a plain secret is what PostgREST makes of it: HS256 only, without a `kid`. */
export function keysOf({ secret, jwks = [] }: TokenRules): readonly Jwk[] {
  if (secret === undefined) return jwks;
  return [{ kty: "oct", k: Buffer.from(secret).toString("base64url"), use: "sig", alg: "HS256" }, ...jwks];
}
