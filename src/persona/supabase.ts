import type { Persona } from "../model/matrix.ts";
import type { Claims } from "./claims.ts";

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
): Claims {
  return issuer === undefined ? {} : supabaseClaims(persona, { ...session, issuer });
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
