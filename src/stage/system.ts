import type { DatabaseAddress, Limits, Target } from "../model/target.ts";
import type { GatewayWish } from "./postgrest/choose.ts";
import type { TxEnd } from "./gateway/config.ts";
import type { AppliedSql, SystemSql } from "./system-sql.ts";

/** What a system's database and gateway are made with, on whatever server. */
export interface SystemOptions extends SystemSql {
  /** The database's name on the server. */
  readonly database: string;
  /** Schemas that the gateway exposes. */
  readonly schemas: readonly string[];
  /** `none`: a plain Postgres, and no gateway is started. */
  readonly gateway: GatewayWish | "none";
  readonly txEnd: TxEnd;
  /** HS256; made anew unless given. */
  readonly jwtSecret: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A system's database on a server of its own; no gateway stands in front of it yet. */
export interface PreparedSystem extends AppliedSql {
  readonly database: DatabaseAddress;
  readonly limits: Limits;
  /** Starts the gateway. @throws RowgateError */
  open(): Promise<OpenedTarget>;
}

export interface OpenedTarget extends AsyncDisposable, Pick<AppliedSql, "inputs"> {
  readonly target: Target;
}
