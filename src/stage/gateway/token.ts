import { refuse, Refused } from "./errors.ts";
import { isAlgorithm, isSignedBy } from "./keys.ts";
import type { VerifyingKey } from "./keys.ts";

/** Claims whose signature holds; their text is kept, since a JavaScript number would round a long one. */
export interface Verified {
  readonly text: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** `undefined` for no token at all, which is anonymous; any other scheme counts as none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  const [, scheme = "", token = ""] = /^(\S*)\s*(.*)$/s.exec(authorization ?? "") ?? [];
  return scheme.toLowerCase() === "bearer" ? token : undefined;
}

/** @throws {Refused} PGRST301; PGRST303 for claims that cannot be read */
export function verifySignature(token: string, keys: readonly VerifyingKey[]): Verified {
  if (token === "") throw refuse.token("Empty JWT is sent in Authorization header");
  const [header = "", payload = "", signature = "", ...more] = token.split(".");
  const parts = token.split(".").length;
  if (parts !== 3 || more.length > 0) throw refuse.token(`Expected 3 parts in JWT; got ${parts}`);
  const { alg, kid: named, enc } = decodeHeader(header);
  const kid = named ?? undefined;
  if (alg === "none")
    throw refuse.token(
      "Wrong or unsupported encoding algorithm",
      "JWT is unsecured but expected 'alg' was not 'none'",
    );
  const text = decodePart(payload);
  const signed = decodePart(signature);
  if (!isAlgorithm(alg) || enc !== undefined || (kid !== undefined && typeof kid !== "string"))
    throw unreadable();
  const suitable = keys.filter(
    (key) => key.algorithms.includes(alg) && (kid === undefined || key.kid === kid),
  );
  if (suitable.length === 0) throw noKey("No suitable key was found to decode the JWT");
  const content = `${header}.${payload}`;
  if (!suitable.some((key) => isSignedBy(key, { algorithm: alg, content, signature: signed })))
    throw noKey("None of the keys was able to decode the JWT");
  return parseClaims(text);
}

const unreadable = (): Error => refuse.token("JWT cryptographic operation failed");
const noKey = (details: string): Error => refuse.token("No suitable key or wrong key type", details);

function decodeHeader(part: string): Readonly<Record<string, unknown>> {
  const header = parseObject(decodePart(part).toString("utf8"));
  if (header === undefined) throw unreadable();
  return header;
}

/** Base64url without padding, strictly: Node's decoder would skip what is none, and two texts would be one token. */
function decodePart(part: string): Buffer {
  if (!/^[A-Za-z0-9_-]*$/.test(part) || part.length % 4 === 1) throw unreadable();
  return Buffer.from(part, "base64url");
}

function parseClaims(bytes: Buffer): Verified {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const claims = parseObject(text);
    if (claims === undefined) throw refuse.claims("Parsing claims failed");
    // PostgREST takes the first of two members with one name, JavaScript and Postgres the last: two identities in one token.
    if (membersIn(text) !== membersOf(claims)) throw refuse.notSpoken("claims that name a member twice");
    return { text, claims };
  } catch (error) {
    throw error instanceof Refused ? error : refuse.claims("Parsing claims failed");
  }
}

/** In JSON, a string before a colon names a member. */
function membersIn(json: string): number {
  return [...json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)].filter(([, colon]) => colon !== undefined).length;
}

function membersOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const inner = Object.values(value).reduce<number>((sum, member) => sum + membersOf(member), 0);
  return Array.isArray(value) ? inner : inner + Object.keys(value).length;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
