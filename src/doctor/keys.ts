import type { ApiKeyFacts, SigningFacts } from "../model/examination.ts";
import { jwtPayload } from "../lib/jwt-payload.ts";
import type { SigningKey } from "../model/target.ts";

/** What an API key is, by its own look. */
export function readApiKey(key: string): ApiKeyFacts {
  if (key.startsWith("sb_publishable_")) return { kind: "publishable" };
  if (key.startsWith("sb_secret_")) return { kind: "secret" };
  // Three parts make a JWT.
  const claims = key.split(".").length === 3 ? jwtPayload(key) : undefined;
  if (claims === undefined) return { kind: "unknown" };
  const { role, ref, exp } = claims;
  return {
    kind: "legacy",
    role: typeof role === "string" ? role : undefined,
    project: typeof ref === "string" ? ref : undefined,
    expires: typeof exp === "number" ? exp * 1000 : undefined,
  };
}

/** What can be told of a key without whoever checks with it. */
export function readSigningKey(key: SigningKey): SigningFacts {
  const secret = key.algorithm === "HS256" ? key.secret : undefined;
  return {
    algorithm: key.algorithm,
    keyId: key.keyId,
    isApiKey: secret !== undefined && readApiKey(secret).kind !== "unknown",
    isShort: secret !== undefined && new TextEncoder().encode(secret).length < 32,
  };
}
