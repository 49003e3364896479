import type { Client } from "pg";
import type { ProofRelation } from "../prove/analyse/schema.ts";
import { triggerBodies } from "./addresses.ts";
import type { Claims } from "./claims.ts";

/** A user of whom no row says anything. */
export const unknownSub = "5ca00000-0000-4000-8000-000000000001";

/** What a user must bring so that the triggers of `auth.users` let it in. */
export interface SignUp {
  /** Of its address. */
  readonly domain: string;
  /** Keys of `raw_user_meta_data`: what an app sends as `options.data` of `signUp()`. */
  readonly metadata: readonly string[];
}

/** Keys of the metadata that the functions of its triggers read. */
export async function metadataAskedFor(client: Client, users: ProofRelation): Promise<readonly string[]> {
  const bodies = await triggerBodies(client, users);
  const found = bodies.flatMap((body) => [...body.matchAll(/raw_user_meta_data"?\s*->>?\s*'([^']+)'/gi)]);
  return [...new Set(found.map(([, key = ""]) => key))];
}

export function addressOf(name: string, { domain }: Pick<SignUp, "domain">): string {
  return `${name}@${domain}`;
}

export function metadataOf(name: string, { domain, metadata }: SignUp): Record<string, string> {
  return Object.fromEntries(
    metadata.map((key) => [key, /mail/i.test(key) ? addressOf(name, { domain }) : name]),
  );
}

/** The claims that a user has from its sign-up; `undefined`: any user is let in. */
export function signUpClaims(name: string, signUp: SignUp | undefined): Claims {
  if (signUp === undefined) return {};
  return {
    email: addressOf(name, signUp),
    ...(signUp.metadata.length > 0 && { user_metadata: metadataOf(name, signUp) }),
  };
}
