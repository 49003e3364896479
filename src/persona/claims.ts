import { RowgateError } from "../model/errors.ts";
import type { Json, Persona } from "../model/matrix.ts";

export type Claims = Readonly<Record<string, Json>>;

/** Both in seconds since 1970, as JWTs count them. */
export interface Lifetime {
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface SessionClaims {
  readonly claims: Claims;
  /** False for the anon persona: PostgREST fills its claims in by itself when no token comes. */
  readonly needsToken: boolean;
}

/**
 * What `request.jwt.claims` holds while the persona is at work, on either channel.
 * `defaults` are claims that an auth server would add; the matrix has the last word.
 * @throws RowgateError `persona/role-contradicts-claim`
 */
export function sessionClaims(
  persona: Persona,
  lifetime: Lifetime,
  anonRole: string | undefined,
  defaults: Claims = {},
): SessionClaims {
  if (persona.claims === undefined && persona.role === anonRole) {
    return { claims: { role: persona.role }, needsToken: false };
  }
  const written = persona.claims ?? {};
  const role = written["role"];
  if (role !== undefined && role !== persona.role) {
    throw new RowgateError({
      code: "persona/role-contradicts-claim",
      message: `Persona ${persona.name} has the role ${persona.role}, but its claims say role ${JSON.stringify(role)}.`,
      at: persona.at,
      hint: "leave `role` out of the claims: rowgate writes it there",
    });
  }
  return {
    claims: { iat: lifetime.issuedAt, exp: lifetime.expiresAt, ...defaults, ...written, role: persona.role },
    needsToken: true,
  };
}
