import type { Catalog } from "../model/catalog.ts";
import type { LinkFailure } from "../model/link-failure.ts";
import type { Posture, TlsSettings } from "../model/target.ts";
import type { AnonymousFacts } from "../probe/http/verify/anonymous.ts";
import type { PoolingFacts, SessionFacts } from "../probe/sql/server-session.ts";

/** What doctor found out about a target: facts only, and none of them a secret. */
export interface Examination {
  /** Milliseconds since 1970, by our clock. */
  readonly now: number;
  readonly target: TargetFacts;
  readonly personas: readonly PersonaFacts[];
  readonly database: DatabaseFacts;
  /** `undefined`: the target has no PostgREST. */
  readonly gateway: GatewayFacts | undefined;
  readonly matrices: readonly MatrixFacts[];
  /** Files of those matrices that use the rest channel. */
  readonly restMatrices: readonly string[];
}

/** The target's own settings. */
export interface TargetFacts {
  readonly posture: Posture;
  /** No write is sent, whatever is planned. */
  readonly readOnly: boolean;
  /** Writes go to rows that the run creates, where the gateway does not roll back (`writes: commit`). */
  readonly scratchRows: boolean;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly tls: TlsSettings["verify"] | undefined;
  /** Seconds that an answer may take. */
  readonly timeout: number;
  readonly schemas: readonly string[];
  readonly rest: RestFacts | undefined;
  readonly signing: SigningFacts | undefined;
}

export interface RestFacts {
  readonly url: string;
  readonly anonRole: string;
  readonly login: string | undefined;
  readonly isBuiltin: boolean;
  readonly apiKey: ApiKeyFacts | undefined;
}

/** What the text of an API key shows. Source: https://supabase.com/docs/guides/api/api-keys */
export type ApiKeyFacts =
  | { readonly kind: "publishable" | "secret" | "unknown" }
  /** A JWT: Supabase's older keys. */
  | {
      readonly kind: "legacy";
      readonly role: string | undefined;
      readonly project: string | undefined;
      /** Milliseconds since 1970. */
      readonly expires: number | undefined;
    };

export interface SigningFacts {
  readonly algorithm: "HS256" | "RS256" | "ES256";
  readonly keyId: string | undefined;
  /** The secret is an API key, which cannot sign. */
  readonly isApiKey: boolean;
  /** PostgREST requires 32 bytes. */
  readonly isShort: boolean;
}

export interface PersonaFacts {
  readonly name: string;
  readonly role: string;
  readonly login: string | undefined;
  readonly sub: string | undefined;
  readonly throughGateway: boolean;
  /** A token has to be signed for it. */
  readonly needsKey: boolean;
  /** Why no token could be made for it. */
  readonly unready: { readonly message: string; readonly hint: string | undefined } | undefined;
}

export type MatrixFacts =
  | { readonly kind: "fits"; readonly file: string; readonly cells: number }
  | {
      readonly kind: "unfit";
      readonly file: string;
      readonly message: string;
      readonly hint: string | undefined;
      /** `file:line:column: message`. */
      readonly mistakes: readonly string[];
    };

export type DatabaseFacts =
  | {
      readonly kind: "unreached";
      readonly failure: LinkFailure;
      /** The login succeeded, and a later query failed. */
      readonly loggedIn: boolean;
    }
  | ReachedDatabase;

export interface ReachedDatabase {
  readonly kind: "connected";
  readonly session: SessionFacts;
  readonly pooling: PoolingFacts;
  readonly catalog: Catalog;
  /** Role → why the login could not SET ROLE to it; `null`: it could. */
  readonly becomes: ReadonlyMap<string, LinkFailure | null>;
  readonly users: UsersFacts;
  /** Relations of the target's schemas that the login may not SELECT from. */
  readonly unreadable: readonly string[];
  /** The target's schemas that exist. */
  readonly schemas: readonly string[];
}

export type UsersFacts =
  | { readonly kind: "no-table" }
  | { readonly kind: "unreadable"; readonly message: string }
  | {
      readonly kind: "read";
      readonly isEmpty: boolean;
      /** The personas' `sub`s without a row. */
      readonly missing: readonly string[];
    };

/** The answer to one GET, from whatever server sent it. */
export interface ProbeReply {
  readonly status: number;
  /** SQLSTATE or PGRST code; `undefined` where the body has none, as PostgREST's errors always do. */
  readonly code: string | undefined;
  /** For people only. */
  readonly message: string;
  /** The body is a JSON array, as PostgREST answers a read. */
  readonly rows: boolean;
  /** Milliseconds that its `Date` is ahead of our clock, to the second; `undefined` without one. */
  readonly clockAhead: number | undefined;
  /** Where it redirects to. */
  readonly location: string | undefined;
}

export type GatewayFacts =
  | { readonly kind: "unreached"; readonly failure: LinkFailure }
  /** The server that answered is not PostgREST, or has no database: doctor sent nothing more. */
  | { readonly kind: "silent"; readonly first: ProbeReply }
  | SpeakingGateway;

export interface SpeakingGateway {
  readonly kind: "speaking";
  /** With the target's API key and no token. */
  readonly first: ProbeReply;
  readonly tokens: TokenFacts;
  /** Persona → the answer to its own token. */
  readonly personas: ReadonlyMap<string, ProbeReply>;
  /** Schema → the answer to a request for it. */
  readonly schemas: ReadonlyMap<string, ProbeReply>;
  readonly cache: CacheFacts;
  readonly sameness: SamenessFacts;
  /** `undefined`: doctor did not get as far as the gateway checks of a run. */
  readonly checks: GatewayCheckFacts | undefined;
}

export interface TokenFacts {
  /** A token whose signature no key makes. */
  readonly tampered: ProbeReply;
  /** Signed with our key, and with nothing but a role that does not exist. */
  readonly ours: ProbeReply | undefined;
  /** The same with `iat`, `nbf` and `exp` by our clock. */
  readonly dated: ProbeReply | undefined;
  /** The same as `ours` without `kid`; only where `ours` was refused. */
  readonly withoutKeyId: ProbeReply | undefined;
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
  /** Relations that exist in the exposed schemas. */
  readonly existing: number;
  /** Relations that the gateway does not know (PGRST205), of those asked for. */
  readonly unknown: readonly string[];
}

export interface SamenessFacts {
  /**
   * Was a statement of the gateway's seen in our own database? `blind`: this login may not see others' statements;
   * `unsent`: no request led to a statement.
   */
  readonly seen: "seen" | "unseen" | "blind" | "unsent";
  /** A row that the gateway showed, compared by system columns, which no copy made with SQL has in common. */
  readonly row: { readonly relation: string; readonly isHere: boolean } | undefined;
}

export interface GatewayCheckFacts {
  /** Why a run would trust no answer of this gateway. */
  readonly distrust: string | undefined;
  /** Persona → why nothing shows that the gateway switches to its role. */
  readonly unswitched: ReadonlyMap<string, string>;
  /** `undefined`: not checked, since every persona has a token. */
  readonly anonymous: AnonymousFacts | undefined;
  /** `undefined`: not checked, since the target takes no writes. */
  readonly rollback: "honoured" | "not honoured" | "not shown" | undefined;
}
