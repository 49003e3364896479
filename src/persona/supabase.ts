import { isDeepStrictEqual } from "node:util";
import type { Finding } from "../model/finding.ts";
import type { Persona } from "../model/matrix.ts";
import type { Claims } from "./claims.ts";

/** Personas that are probed without claims which every real token has, since another one is the real token. */
export function claimsLeftOut(personas: readonly Persona[], issuer: string | undefined): readonly Finding[] {
  if (issuer === undefined) return [];
  return personas.flatMap((persona) => {
    const issued = supabaseClaims(persona, { issuer, sessionId: "", signedInAt: 0 });
    const claims = claimsOnPurposeMissing(persona, personas, issued);
    return claims.length === 0 ? [] : [{ kind: "claims-left-out" as const, persona: persona.name, claims }];
  });
}

export interface SupabaseSession {
  /** `https://<ref>.supabase.co/auth/v1`. */
  readonly issuer: string;
  readonly sessionId: string;
  /** Seconds since 1970: when the persona signed in. */
  readonly signedInAt: number;
}

/** What the target's auth server would add to a persona's claims; nothing where it has none. */
export function issuedClaims(
  persona: Persona,
  issuer: string | undefined,
  session: Omit<SupabaseSession, "issuer">,
  others: readonly Persona[],
): Claims {
  if (issuer === undefined) return {};
  const issued = supabaseClaims(persona, { ...session, issuer });
  const missing = claimsOnPurposeMissing(persona, others, issued);
  return Object.fromEntries(Object.entries(issued).filter(([name]) => !missing.includes(name)));
}

/**
 * Claims that the auth server would add and that the persona is meant to lack: another persona of the matrix is its equal, and states just
 * what would be added. That one is the real token, so that this one, which would be the same, can only be the token without it.
 */
export function claimsOnPurposeMissing(
  persona: Persona,
  others: readonly Persona[],
  issued: Claims,
): readonly string[] {
  const own = persona.claims ?? {};
  const twins = others.filter((other) => {
    const { claims = {} } = other;
    const added = Object.keys(claims).filter((name) => !(name in own));
    return (
      other.role === persona.role &&
      other.login === persona.login &&
      other.tokenFrom === undefined &&
      added.length > 0 &&
      Object.keys(own).every((name) => isDeepStrictEqual(own[name], claims[name])) &&
      isDeepStrictEqual(other.settings, persona.settings) &&
      added.every((name) => name in issued && isDeepStrictEqual(claims[name], issued[name]))
    );
  });
  return [
    ...new Set(twins.flatMap(({ claims = {} }) => Object.keys(claims).filter((name) => !(name in own)))),
  ];
}

/**
 * The claims that Supabase's auth server puts into the token of a signed-in user: a deny that holds only because one
 * of them is missing proves nothing. API keys (`service_role`, `anon`) carry none of them.
 * Source: https://supabase.com/docs/guides/auth/jwt-fields
 */
export function supabaseClaims(persona: Persona, session: SupabaseSession): Claims {
  if (persona.role !== "authenticated") return {};
  return {
    iss: session.issuer,
    aud: "authenticated",
    email: "",
    phone: "",
    app_metadata: { provider: "email", providers: ["email"] },
    user_metadata: {},
    aal: "aal1",
    amr: [{ method: "password", timestamp: session.signedInAt }],
    session_id: session.sessionId,
    is_anonymous: false,
  };
}
