import { randomBytes } from "node:crypto";
import jwt from "jsonwebtoken";
import type { Identity } from "../../model/channel.ts";
import type { SigningKey } from "../../model/target.ts";

/** No server has a role of that name. */
export const unknownRole = "rowgate_no_such_role";

/** A token whose signature no key makes: a persona's own, changed by one letter, or one of a key made up here. */
export function tamperedToken(identities: Iterable<Identity>): string {
  for (const { token } of identities) {
    const [header, payload, signature = ""] = token?.split(".") ?? [];
    // Not the last letter: some of its bits are padding.
    if (signature.length > 1) return [header, payload, swapFirst(signature)].join(".");
  }
  return jwt.sign({ role: unknownRole }, randomBytes(32));
}

/** A well-signed token for a role that does not exist; claims (`aud`, `exp`…) are those of a persona. */
export function tokenOfNobody(identities: Iterable<Identity>, key: SigningKey): string {
  return signedForNobody([...identities].find(({ token }) => token !== undefined)?.claims ?? {}, key);
}

/** Throws when the key does not fit its algorithm. */
export function signedForNobody(claims: object, key: SigningKey): string {
  return signedAs({ ...claims, role: unknownRole }, key);
}

/** Of somebody who is known by his role alone; good for a minute. */
export function signedFor(role: string, key: SigningKey): string {
  const issuedAt = Math.floor(Date.now() / 1000);
  return signedAs({ role, iat: issuedAt, exp: issuedAt + 60 }, key);
}

/** Claims as they are. Throws when the key does not fit its algorithm. */
export function signedAs(claims: object, key: SigningKey): string {
  const { algorithm, keyId } = key;
  const secret = key.algorithm === "HS256" ? key.secret : key.privateKeyPem;
  const header = { alg: algorithm, typ: "JWT", ...(keyId !== undefined && { kid: keyId }) };
  return jwt.sign(JSON.stringify(claims), secret, { algorithm, header });
}

function swapFirst(text: string): string {
  return `${text.startsWith("A") ? "B" : "A"}${text.slice(1)}`;
}
