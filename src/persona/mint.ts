import jwt from "jsonwebtoken";
import { messageOf, RowgateError } from "../model/errors.ts";
import type { SigningKey } from "../model/target.ts";
import type { Claims } from "./claims.ts";

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
      message: `A token could not be signed with the ${key.algorithm} key: ${reason(error)}.`,
      hint:
        key.algorithm === "HS256"
          ? "give the JWT secret of the gateway"
          : "give the private key in PEM form, of the kind that the algorithm asks for",
    });
  }
}

function reason(error: unknown): string {
  return messageOf(error);
}
