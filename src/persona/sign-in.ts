import { randomUUID } from "node:crypto";
import type { Identity } from "../model/channel.ts";
import type { Moment } from "../lib/moment.ts";
import type { SettingsInForce } from "../model/settings.ts";
import { identityOf } from "./identity.ts";
import { sessionSettings } from "./session.ts";
import { issuedClaims } from "./supabase.ts";
import type { Matrix } from "../model/matrix.ts";
import type { Target } from "../model/target.ts";

export interface SignInRequest {
  readonly matrix: Matrix;
  readonly target: Target;
  /** Where `token: ${NAME}` is looked up. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Seconds that tokens live: a quarter of an hour, longer where many cells are asked for, and never more than an hour. */
function lifetimeFor(cells: number): number {
  return Math.min(Math.max(15 * 60, Math.ceil(cells * slowCell)), 60 * 60);
}

/** Seconds that a cell takes through a gateway far away, several in flight. */
const slowCell = 0.2;

/**
 * Every persona made ready: claims for both channels, and a token where one is sent.
 * @param cells how many are asked for
 * @throws RowgateError `persona/…`
 */
export function signIn(
  { matrix, target, environment }: SignInRequest,
  inForce: SettingsInForce,
  at: Moment,
  cells: number,
): ReadonlyMap<string, Identity> {
  const issuedAt = Math.floor(at.wall / 1000);
  const options = {
    lifetime: { issuedAt, expiresAt: issuedAt + lifetimeFor(cells) },
    anonRole: target.rest?.anonRole,
    key: target.signingKey,
  };
  const session = { sessionId: randomUUID(), signedInAt: issuedAt };
  return new Map(
    matrix.personas.map((persona) => {
      const handedIn = persona.tokenFrom === undefined ? undefined : environment[persona.tokenFrom];
      const settings = sessionSettings(persona, inForce, target.rest?.login);
      // Without a gateway a persona may have no token at all: its identity is its login or its settings.
      const hasToken = target.rest !== undefined || persona.claims !== undefined;
      const issuer = hasToken ? target.issuer : undefined;
      const defaults = issuedClaims(persona, issuer, session, matrix.personas);
      return [persona.name, identityOf(persona, { ...options, handedIn, settings, defaults })];
    }),
  );
}
