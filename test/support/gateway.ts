import { createPublicKey } from "node:crypto";
import type { DatabaseAddress, SigningKey } from "../../src/model/target.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { type GatewayConfig, keysOf, type TokenRules } from "../../src/stage/gateway/config.ts";
import { spawnPostgrest } from "../../src/stage/gateway/spawn.ts";
import { type RunningGateway, startGateway } from "../../src/stage/gateway/server.ts";

/** A gateway in front of this database, as it is set up unless a test says otherwise: writes are rolled back. */
export function gatewayConfig(
  { authenticator }: Pick<EmbeddedServer, "authenticator">,
  database: DatabaseAddress,
  jwt: GatewayConfig["jwt"],
  over: Partial<GatewayConfig> = {},
): GatewayConfig {
  return {
    database: { ...database, ...authenticator },
    schemas: ["public"],
    anonRole: "anon",
    jwt,
    txEnd: "rollback-allow-override",
    ...over,
  };
}

/** What verifies the tokens that a key signs. */
export function verifiedBy(key: SigningKey): TokenRules {
  if (key.algorithm === "HS256") {
    const { secret, keyId } = key;
    return keyId === undefined
      ? { secret }
      : { jwks: keysOf({ secret }).map((one) => ({ ...one, kid: keyId })) };
  }
  const jwk = createPublicKey(key.privateKeyPem).export({ format: "jwk" });
  return { jwks: [{ ...jwk, kty: jwk.kty ?? "", use: "sig", alg: key.algorithm, kid: key.keyId }] };
}

/** The builtin one, or with ROWGATE_POSTGREST_BIN that PostgREST: nothing that is proved may know the difference. */
export function startEither(
  config: GatewayConfig,
  builtin: (config: GatewayConfig) => Promise<RunningGateway> = startGateway,
): Promise<RunningGateway> {
  const binary = process.env["ROWGATE_POSTGREST_BIN"];
  return binary === undefined ? builtin(config) : spawnPostgrest(binary, config);
}
