import type { BaselineRecord } from "./baseline.ts";
import type { QualifiedName } from "../lib/sql-text.ts";

export const postures = ["embedded", "container", "staging", "production"] as const;
export type Posture = (typeof postures)[number];

/** Those that rowgate starts itself, each by the name of its posture. */
export const startedTargets = ["embedded", "container"] as const;
export type StartedTarget = (typeof startedTargets)[number];

/** The target that is a local stack as `supabase start` leaves it. */
export const localStack = "supabase";
/** Names that need no `rowgate.yaml`. */
export const ownTargets: readonly string[] = [...startedTargets, localStack];

/** How the direct channel logs in. Shapes follow `pg`'s ClientConfig; the password never leaves memory. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** `undefined`: the connection is not encrypted. */
  readonly tls?: TlsSettings | undefined;
  /** More of the session's startup options, as `-c name=value`. */
  readonly options?: string | undefined;
  /** The session is set to read-only at its start; one that ignores this is not used. */
  readonly readOnly?: boolean | undefined;
}

/** Certificates in PEM form. Without `ca`, the authorities that Node knows. */
export interface TlsSettings {
  /** libpq's `require`, `verify-ca` and `verify-full`. */
  readonly verify: "nothing" | "chain" | "chain and host";
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * `none`: no write is sent. `rollback`: only such as are undone. `commit`: where the gateway undoes none, also such as touch
 * rows that the run itself has made, and that it removes.
 */
export type Writes = "none" | "rollback" | "commit";

/** How tokens are signed. HS256 takes the secret; RS256 and ES256 take a private key in PEM form. */
export type SigningKey =
  | { readonly algorithm: "HS256"; readonly secret: string; readonly keyId?: string | undefined }
  | {
      readonly algorithm: "RS256" | "ES256";
      readonly privateKeyPem: string;
      readonly keyId?: string | undefined;
    };

export interface GatewayInfo {
  /** `builtin` is rowgate's own gateway and not PostgREST; every record and every PASS says so. */
  readonly kind: "builtin" | "postgrest" | "remote";
  readonly version: string;
  /** The image that it runs from, by the name that was asked for; absent outside of containers. */
  readonly image?: string | undefined;
}

/** What a container was made of. */
export interface ImageRecord {
  readonly use: "postgres" | "postgrest";
  /** As it was asked for: `postgres:17`. */
  readonly name: string;
  /** The registry's digest of what the engine has under that name: `sha256:…`. `undefined`: it never was in a registry. */
  readonly digest: string | undefined;
  /** The engine's own id of it. */
  readonly id: string;
}

export interface ContainersRecord {
  readonly images: readonly ImageRecord[];
  /** An earlier run had started this Postgres; what the two share was found to be as it was when it was new. */
  readonly reused: boolean;
}

export interface RestAddress {
  /** Without a trailing slash; `/<relation>` follows. */
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly gateway: GatewayInfo;
  /** Rowgate has started the gateway with a `db-tx-end` that honours `Prefer: tx=rollback`. Absent: it must be shown. */
  readonly honoursRollback?: boolean;
  /** PostgREST's `db-anon-role`. */
  readonly anonRole: string;
  /** The role that the gateway logs in as, where that is known. */
  readonly login: string | undefined;
  /** The authority's certificate in PEM form; without it, those that Node knows. */
  readonly ca?: string | undefined;
}

/** A database and, usually, a PostgREST in front of it: ready to be probed. */
export interface Target {
  readonly name: string;
  readonly posture: Posture;
  /** `undefined`: whatever the posture allows. */
  readonly writes?: Writes | undefined;
  readonly database: DatabaseAddress;
  readonly rest: RestAddress | undefined;
  readonly signingKey: SigningKey | undefined;
  /** Schemas that the gateway exposes. */
  readonly schemas: readonly string[];
  /** PostgREST's `db-pre-request`. */
  readonly preRequest: QualifiedName | undefined;
  /** Limits of each session, in milliseconds. */
  readonly limits: Limits;
  /** What it runs from, where that is containers. */
  readonly containers?: ContainersRecord | undefined;
  /** What a started database was made to look like, besides the system's SQL. */
  readonly baseline?: BaselineRecord | undefined;
  /** Supabase's auth server: signed-in personas get the claims that it issues, unless the matrix says otherwise. */
  readonly issuer?: string | undefined;
  /** Why it looks like production, although the configuration says that it is not. */
  readonly override?: string | undefined;
}

export interface Limits {
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

export const defaultLimits: Limits = {
  statementTimeoutMs: 10_000,
  lockTimeoutMs: 2_000,
  idleInTransactionTimeoutMs: 60_000,
  requestTimeoutMs: 15_000,
};
