import { createPrivateKey, type JsonWebKey, type KeyObject } from "node:crypto";
import type { SigningKey } from "../model/target.ts";
import type { Found, Settings } from "./settings.ts";

const secretVariables = ["ROWGATE_JWT_SECRET", "SUPABASE_JWT_SECRET", "JWT_SECRET"] as const;

/** What signs the tokens; `undefined`: it is missing, or it is not a key, which `settings` has collected. */
export function signingKeyOf(settings: Settings): SigningKey | undefined {
  const keyId = settings.get("jwt.key_id");
  if (settings.has("jwt.private_key")) {
    const found = settings.get("jwt.private_key");
    return found && privateKey(settings, found, keyId);
  }
  const found = settings.has("jwt.secret")
    ? settings.get("jwt.secret")
    : settings.variable(...secretVariables);
  if (found === undefined) return undefined;
  if (/PRIVATE KEY-----|^\s*\{/.test(found.text)) {
    settings.wrong(
      found,
      "jwt.secret",
      "this is a private key, not a secret",
      "say `private_key:` instead of `secret:`",
    );
    return undefined;
  }
  return {
    algorithm: "HS256",
    secret: settings.used("jwt.secret", found),
    keyId: keyId && settings.used("jwt.key_id", keyId),
  };
}

/** PEM, or a JSON Web Key (RFC 7517), alone or the one of its set that is private. */
function privateKey(settings: Settings, found: Found, named: Found | undefined): SigningKey | undefined {
  const wrong = (message: string, hint: string): undefined =>
    settings.wrong(found, "jwt.private_key", message, hint) as undefined;
  const read = readKey(found.text);
  if (typeof read === "string")
    return wrong(read, "a PKCS #8 PEM or a JWK: EC P-256 for ES256, RSA for RS256");
  const { key, kid } = read;
  const algorithm = algorithmOf(key);
  if (algorithm === undefined)
    return wrong(
      "tokens are signed with EC P-256 (ES256) or RSA (RS256) keys, and this is neither",
      "make one: `supabase gen signing-key --algorithm ES256`",
    );
  if (named !== undefined && kid !== undefined && named.text !== kid)
    settings.wrong(named, "jwt.key_id", `the key itself says \`kid\` ${kid}`, "leave `key_id` out");
  settings.used("jwt.private_key", found);
  const keyId = named === undefined ? kid : settings.used("jwt.key_id", named);
  return { algorithm, privateKeyPem: String(key.export({ type: "pkcs8", format: "pem" })), keyId };
}

interface ReadKey {
  readonly key: KeyObject;
  readonly kid: string | undefined;
}

/** Or why not; nothing of the key is repeated, nor what the library says of it. */
function readKey(text: string): ReadKey | string {
  if (!text.trimStart().startsWith("{") && !text.trimStart().startsWith("[")) {
    try {
      // CI systems hand a line break on as `\n`.
      return { key: createPrivateKey(text.replaceAll(String.raw`\n`, "\n")), kid: undefined };
    } catch {
      return text.includes("PUBLIC KEY-----")
        ? "this is a public key: it signs nothing"
        : "this is not a private key";
    }
  }
  try {
    const jwks = keysIn(JSON.parse(text));
    const own = jwks.filter(({ d }) => typeof d === "string");
    if (jwks.some(({ kty }) => kty === "oct"))
      return "this JWK is a shared secret (`oct`): it goes into `secret`";
    const [jwk, ...others] = own;
    if (jwk === undefined) return "this JWK is a public key: it signs nothing";
    if (others.length > 0) return "this set holds several private keys: name one of them";
    const kid = jwk["kid"];
    return {
      key: createPrivateKey({ key: jwk, format: "jwk" }),
      kid: typeof kid === "string" ? kid : undefined,
    };
  } catch {
    return "this is not a JSON Web Key";
  }
}

function keysIn(json: unknown): readonly JsonWebKey[] {
  if (Array.isArray(json)) return json as readonly JsonWebKey[];
  const { keys } = json as { readonly keys?: unknown };
  return Array.isArray(keys) ? (keys as readonly JsonWebKey[]) : [json as JsonWebKey];
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): "ES256" | "RS256" | undefined {
  if (asymmetricKeyType === "rsa") return "RS256";
  return asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === "prime256v1"
    ? "ES256"
    : undefined;
}
