import jwt from "jsonwebtoken";
import type { Identity } from "../model/channel.ts";
import { messageOf, RowgateError } from "../model/errors.ts";
import type { Json, Persona } from "../model/matrix.ts";
import type { SigningKey } from "../model/target.ts";
import { type Claims, type Lifetime, sessionClaims } from "./claims.ts";

export interface IdentityOptions {
  /** What the persona's session brings along; its own settings unless said. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly lifetime: Lifetime;
  /** PostgREST's `db-anon-role`; `undefined` on a target without a gateway: there no token is sent. */
  readonly anonRole: string | undefined;
  readonly key: SigningKey | undefined;
  /** The token that `persona.tokenFrom` names, when it names one. */
  readonly handedIn: string | undefined;
  /** Claims that the target's auth server would add. */
  readonly defaults?: Claims;
}

/**
 * Makes a persona ready for a run.
 * @throws RowgateError `persona/…` when the token is missing, cannot be signed, or says something else than the matrix
 */
export function identityOf(persona: Persona, options: IdentityOptions): Identity {
  if (persona.tokenFrom !== undefined) return handedIn(persona, persona.tokenFrom, options);
  const { settings = persona.settings } = options;
  // Who logs in by itself passes no gateway.
  const anonRole = persona.login === undefined ? options.anonRole : undefined;
  if (anonRole === undefined && persona.claims === undefined) {
    return { persona, claims: undefined, settings, token: undefined };
  }
  const { claims, needsToken } = sessionClaims(persona, options.lifetime, anonRole, options.defaults);
  if (!needsToken || anonRole === undefined) return { persona, claims, settings, token: undefined };
  if (options.key === undefined) {
    throw new RowgateError({
      code: "persona/no-signing-key",
      message: `Persona ${persona.name} needs a token, and the target names no key to sign it with.`,
      at: persona.at,
      hint: "give the target's JWT secret or private key, or hand a token in with `token: ${NAME}`",
    });
  }
  return { persona, claims, settings, token: mint(claims, options.key) };
}

function handedIn(persona: Persona, variable: string, options: IdentityOptions): Identity {
  const token = options.handedIn?.trim() ?? "";
  const fail = (code: string, message: string, hint: string): RowgateError =>
    new RowgateError({ code: `persona/${code}`, message, at: persona.at, hint });
  if (token === "") {
    const message = `Persona ${persona.name} takes its token from ${variable}, which is empty.`;
    throw fail("token-missing", message, `export ${variable}`);
  }
  const claims = payloadOf(token);
  if (claims === undefined) {
    const message = `The token in ${variable} (persona ${persona.name}) is not a JWT.`;
    throw fail("token-unreadable", message, "give the token alone, without `Bearer`");
  }
  const { exp } = claims;
  if (typeof exp === "number" && exp <= options.lifetime.issuedAt) {
    throw fail(
      "token-expired",
      `The token in ${variable} (persona ${persona.name}) has expired.`,
      "fetch a new one; if it is in order, this machine's clock is not",
    );
  }
  // PostgREST takes a token without a role for anon's, silently.
  const expected: Claims = { ...persona.claims, role: persona.role };
  const actual: Claims = { ...claims, role: claims["role"] ?? options.anonRole ?? null };
  const differs = Object.keys(expected).filter((name) => !sameJson(expected[name], actual[name]));
  if (differs.length > 0) {
    const message = `The token in ${variable} says something else of persona ${persona.name} than the matrix: ${differs.join(", ")}.`;
    throw fail("token-contradicts-matrix", message, "let the matrix say what the token says");
  }
  return { persona, claims, settings: options.settings ?? persona.settings, token };
}

function payloadOf(token: string): Claims | undefined {
  try {
    const payload: unknown = jwt.decode(token, { json: true });
    return isObject(payload) ? payload : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Claims {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Equal as JSON, whatever the order of keys. */
function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item: Json, index) => sameJson(item, b[index] as Json));
  }
  if (isObject(a) && isObject(b)) {
    const names = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...names].every((name) => sameJson(a[name], b[name]));
  }
  return a === b;
}

/**
 * Signs `claims` as they are: nothing is added, so that the same claims reach the direct channel.
 * @throws RowgateError `persona/cannot-sign`; its text never holds the key
 */
export function mint(claims: Claims, key: SigningKey): string {
  const secret = key.algorithm === "HS256" ? key.secret : key.privateKeyPem;
  const header = {
    typ: "JWT",
    alg: key.algorithm,
    ...(key.keyId === undefined ? {} : { kid: key.keyId }),
  };
  try {
    // As text: given an object, jsonwebtoken would put its own time in place of `iat: 0` or of none.
    return jwt.sign(JSON.stringify(claims), secret, { algorithm: key.algorithm, header });
  } catch (error) {
    throw new RowgateError({
      code: "persona/cannot-sign",
      message: `A token could not be signed with the ${key.algorithm} key: ${messageOf(error)}.`,
      hint:
        key.algorithm === "HS256"
          ? "give the JWT secret of the gateway"
          : "give the private key in PEM form, of the kind that the algorithm asks for",
    });
  }
}
