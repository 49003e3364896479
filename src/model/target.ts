import type { QualifiedName } from "./sql-text.ts";

export type Posture = "embedded" | "container" | "staging" | "production";

/** How the direct channel logs in. Shapes follow `pg`'s ClientConfig; the password never leaves memory. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

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
}

export interface RestAddress {
  /** Without a trailing slash; `/<relation>` follows. */
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly gateway: GatewayInfo;
  /** PostgREST's `db-anon-role`. */
  readonly anonRole: string;
  /** The role that the gateway logs in as, where that is known. */
  readonly login: string | undefined;
}

/** A database and, usually, a PostgREST in front of it: ready to be probed. */
export interface Target {
  readonly name: string;
  readonly posture: Posture;
  readonly database: DatabaseAddress;
  readonly rest: RestAddress | undefined;
  readonly signingKey: SigningKey | undefined;
  /** Schemas that the gateway exposes. */
  readonly schemas: readonly string[];
  /** PostgREST's `db-pre-request`. */
  readonly preRequest: QualifiedName | undefined;
  /** Limits of each session, in milliseconds. */
  readonly limits: Limits;
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
