import type { RowgateErrorFacts } from "../../model/errors.ts";
import type { DatabaseAddress, GatewayInfo, ImageRecord } from "../../model/target.ts";
import type { GatewayConfig } from "../gateway/config.ts";

/** What rowgate writes to the supervisor's stdin first, one JSON line. */
export interface Order {
  readonly postgresImage: string;
  /** `undefined`: no gateway will be asked for, and none is looked for. */
  readonly postgrestImage: string | undefined;
  /** Take a Postgres that an earlier run has left, and leave this one. */
  readonly reuse: boolean;
}

/** What it may write later, a line each. When stdin closes, everything that was started is removed. */
export type Wish =
  /** The supervisor puts the address within the containers' network in place of the database's own. */
  | { readonly kind: "gateway"; readonly id: number; readonly config: GatewayConfig }
  | { readonly kind: "end-gateway"; readonly id: number };

/** A Postgres that accepts connections, with Supabase's roles and `auth` helpers. */
export interface ReadyPostgres {
  /** The superuser, in the database that the image made for itself: what systems are copied from. */
  readonly database: DatabaseAddress;
  /** Who applies a system's SQL: the superuser, or the role that Supabase's image has for it. */
  readonly applicant: Login;
  readonly authenticator: Login;
  readonly images: readonly ImageRecord[];
  /** Whether an earlier run had started it. */
  readonly reused: boolean;
  /** Milliseconds: images looked for or pulled; Postgres started and prepared. */
  readonly timings: { readonly images: number; readonly start: number };
}

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** What the supervisor answers on its stdout, one JSON line each. */
export type Report =
  /** What takes long enough to be told. */
  | { readonly kind: "progress"; readonly text: string }
  | ({ readonly kind: "ready" } & ReadyPostgres)
  | { readonly kind: "failed"; readonly error: RowgateErrorFacts }
  | { readonly kind: "gateway"; readonly id: number; readonly url: string; readonly info: GatewayInfo }
  | { readonly kind: "gateway-ended"; readonly id: number }
  | { readonly kind: "gateway-failed"; readonly id: number; readonly error: RowgateErrorFacts };
