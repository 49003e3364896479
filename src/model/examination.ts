import type { Catalog } from "./catalog.ts";
import type { GatewayFacts } from "./examination-gateway.ts";
import type { LinkFailure } from "./link-failure.ts";
import type { Posture, TlsSettings } from "./target.ts";

/** What an examination of a target found out: facts only, and none of them a secret. */
export interface Examination {
  /** Milliseconds since 1970, by our clock. */
  readonly now: number;
  readonly target: TargetFacts;
  readonly personas: readonly PersonaFacts[];
  readonly database: DatabaseFacts;
  /** `undefined`: the target names no PostgREST. */
  readonly gateway: GatewayFacts | undefined;
  readonly matrices: readonly MatrixFacts[];
  /** Files of those matrices that speak to PostgREST. */
  readonly restMatrices: readonly string[];
}

/** What the target says of itself. */
export interface TargetFacts {
  readonly posture: Posture;
  /** No write is sent, whatever is planned. */
  readonly readOnly: boolean;
  /** Where the gateway undoes none, writes go to rows that a run itself has made (`writes: commit`). */
  readonly ownRows: boolean;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly tls: TlsSettings["verify"] | undefined;
  /** Seconds that an answer may take. */
  readonly patience: number;
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

/** What an API key says of itself. Source: https://supabase.com/docs/guides/api/api-keys */
export type ApiKeyFacts =
  | { readonly kind: "publishable" | "secret" | "unknown" }
  /** A JWT: the keys that Supabase gave out before. */
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
  /** What was given as a secret is an API key, which signs nothing. */
  readonly isApiKey: boolean;
  /** PostgREST starts with no shorter one than 32 bytes. */
  readonly isShort: boolean;
}

export interface PersonaFacts {
  readonly name: string;
  readonly role: string;
  readonly login: string | undefined;
  readonly sub: string | undefined;
  /** It reaches the gateway, and does not go past it. */
  readonly throughGateway: boolean;
  /** A token has to be signed for it. */
  readonly needsKey: boolean;
  /** Why it cannot be signed in. */
  readonly unready: { readonly message: string; readonly hint: string | undefined } | undefined;
}

export type DatabaseFacts =
  | {
      readonly kind: "unreached";
      readonly failure: LinkFailure;
      /** It let us in, and could not be asked then. */
      readonly loggedIn: boolean;
    }
  | ({ readonly kind: "reached" } & ReachedDatabase);

export interface ReachedDatabase {
  readonly session: SessionFacts;
  readonly pooling: PoolingFacts;
  readonly catalog: Catalog;
  /** Role → why the login could not SET ROLE to it; `null`: it could. */
  readonly becomes: ReadonlyMap<string, LinkFailure | null>;
  readonly users: UsersFacts;
  /** Relations of the target's schemas that the login may not SELECT from. */
  readonly unreadable: readonly string[];
  /** Of the target's schemas, those that exist. */
  readonly schemas: readonly string[];
}

export interface SessionFacts {
  readonly version: string;
  readonly versionNum: number;
  readonly inRecovery: boolean;
  /** A transaction of this session cannot write unless it says that it will. */
  readonly readOnly: boolean;
  /** What the session holds, in milliseconds. */
  readonly limits: Readonly<Record<LimitName, number>>;
  /** What it was told at its start. */
  readonly told: Readonly<Record<LimitName, number>>;
  /** Milliseconds that the server's clock is ahead of ours; as unsure as half the time that the answer took. */
  readonly clockAhead: number;
  readonly clockUnsure: number;
  /** safeupdate is at work in this session. */
  readonly safeupdate: boolean;
  /** Where safeupdate is loaded for others: a role's name, or `null` for everybody. */
  readonly safeupdateOf: readonly (string | null)[];
}

export type LimitName = "statement_timeout" | "lock_timeout" | "idle_in_transaction_session_timeout";

export type PoolingFacts =
  | { readonly kind: "untold"; readonly message: string }
  | {
      readonly kind: "told";
      /** The session's own backend is the one that the server named at the login: nothing is in between. */
      readonly direct: boolean;
      /** One session was served by several backends, or two by one. */
      readonly shared: boolean;
      /** The pooler refused a transaction of several statements. */
      readonly statementMode: boolean;
      /** What SET LOCAL says holds within its transaction, and no longer. */
      readonly setLocalHolds: boolean;
    };

export type UsersFacts =
  | { readonly kind: "no-table" }
  | { readonly kind: "unreadable"; readonly message: string }
  | {
      readonly kind: "read";
      readonly isEmpty: boolean;
      /** Of the personas' `sub`s, those without a row. */
      readonly missing: readonly string[];
    };

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
