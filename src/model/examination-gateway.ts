import { isCode } from "./answers.ts";
import type { LinkFailure } from "./link-failure.ts";

/** What something that speaks HTTP said to one GET. */
export interface Visit {
  readonly status: number;
  /** SQLSTATE or PGRST code; `undefined` where the body holds none, as PostgREST's errors always do. */
  readonly code: string | undefined;
  /** For people only. */
  readonly message: string;
  /** The body is a JSON array, as PostgREST answers a read. */
  readonly rows: boolean;
  /** Milliseconds that its `Date` is ahead of our clock, to the second; `undefined` without one. */
  readonly clockAhead: number | undefined;
  /** Where it sends one on to. */
  readonly location: string | undefined;
}

/** PostgREST answered, and for its database: whatever else is asked of something else proves nothing. */
export function speaks({ code, rows }: Visit): boolean {
  return rows || (code !== undefined && !isCode(code, "gatewayWithoutDatabase"));
}

export type GatewayFacts =
  | { readonly kind: "unreached"; readonly failure: LinkFailure }
  /** Something answered that does not speak for PostgREST; nothing more was asked. */
  | { readonly kind: "silent"; readonly first: Visit }
  | SpeakingGateway;

export interface SpeakingGateway {
  readonly kind: "speaking";
  /** With the target's API key and no token. */
  readonly first: Visit;
  readonly tokens: TokenFacts;
  /** Persona → the answer to its own token. */
  readonly personas: ReadonlyMap<string, Visit>;
  /** Schema → the answer to a request for it. */
  readonly schemas: ReadonlyMap<string, Visit>;
  readonly cache: CacheFacts;
  readonly sameness: SamenessFacts;
  /** `undefined`: it did not come so far. */
  readonly handshake: HandshakeFacts | undefined;
}

export interface TokenFacts {
  /** One whose signature no key makes. */
  readonly tampered: Visit;
  /** Signed with our key, and nothing but a role that does not exist. */
  readonly ours: Visit | undefined;
  /** The same with `iat`, `nbf` and `exp` by our clock. */
  readonly dated: Visit | undefined;
  /** The same as `ours` without `kid`, asked only where that was refused. */
  readonly withoutKeyId: Visit | undefined;
  readonly jwks: JwksFacts | undefined;
}

/** Public keys that an auth server publishes (Supabase: `/auth/v1/.well-known/jwks.json`). */
export interface JwksFacts {
  readonly url: string;
  /** `kid` and `alg` of each. */
  readonly keys: readonly { readonly keyId: string | undefined; readonly algorithm: string | undefined }[];
  /** Our key's public half is among them; `undefined` for a secret, which is never published. */
  readonly ours: { readonly keyId: string | undefined } | undefined;
}

export interface CacheFacts {
  readonly asked: number;
  /** Relations that are there, of those schemas. */
  readonly existing: number;
  /** Of those asked for, what the gateway has not heard of (PGRST205). */
  readonly unknown: readonly string[];
}

export interface SamenessFacts {
  /**
   * Was a statement of the gateway's seen in our own database? `blind`: this login may not see others' statements;
   * `unsent`: what was asked of the gateway led to none.
   */
  readonly seen: "seen" | "unseen" | "blind" | "unsent";
  /** A row that the gateway showed, by the system columns that no copy made of SQL shares. */
  readonly row: { readonly relation: string; readonly isHere: boolean } | undefined;
}

export interface HandshakeFacts {
  /** Why a run would believe nothing that this gateway says. */
  readonly distrust: string | undefined;
  /** Persona → why nothing shows that the gateway switches to its role. */
  readonly unswitched: ReadonlyMap<string, string>;
  /** `undefined`: not asked, since nobody comes without a token. */
  readonly anonymous: AnonymousFacts | undefined;
  /** `undefined`: not asked, since the target takes no writes. */
  readonly rollback: "honoured" | "not honoured" | "not shown" | undefined;
}

/** As whom the gateway serves a request without a token, beside the role that the target says (PostgREST's `db-anon-role`). */
export type AnonymousFacts =
  | { readonly kind: "as declared" | "not shown" }
  /** As nobody: it refuses (PGRST302). */
  | { readonly kind: "disabled" }
  /** As that role; `undefined`: which one did not show. */
  | { readonly kind: "another"; readonly role: string | undefined };
