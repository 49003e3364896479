import type { DefaultPrivileges as DefaultPrivilegesEntry } from "./catalog.ts";
import type { SourcePosition } from "./errors.ts";

/** What a database that rowgate starts holds before the system's own SQL. */
export const baselineNames = ["supabase", "plain"] as const;
export type BaselineName = (typeof baselineNames)[number];

/**
 * Whether new objects in `public` are exposed to the API's roles: `legacy`, everything; `none`, what switching it off leaves;
 * `as-captured`, as on the target that `rowgate capture` read.
 */
export const defaultPrivileges = ["legacy", "none", "as-captured"] as const;
export type DefaultPrivileges = (typeof defaultPrivileges)[number];

/** What says which default privileges there are; `assumed`: nothing does. */
export type PrivilegesSource = "--default-privileges" | "rowgate.yaml" | "config.toml" | "assumed";

/** The default privileges of the target that started databases stand for, as `rowgate capture` wrote them. */
export interface Captured {
  readonly target: string;
  /** ISO 8601. */
  readonly capturedAt: string;
  readonly entries: readonly DefaultPrivilegesEntry[];
  readonly file: string;
  readonly sha256: string;
}

/** `[api] schemas` of config.toml: what PostgREST exposes. */
export interface ConfiguredApi {
  readonly schemas: readonly string[];
  readonly at: SourcePosition;
}

/** How a folder of SQL says in which order its files are applied. */
export const layouts = ["numbered", "supabase", "sqitch", "dbmate", "flyway", "prisma", "drizzle"] as const;
export type Layout = (typeof layouts)[number];

export type Baseline =
  | { readonly name: "plain" }
  | {
      readonly name: "supabase";
      readonly defaultPrivileges: DefaultPrivileges;
      readonly privilegesFrom: PrivilegesSource;
      /** Of `as-captured`. */
      readonly captured?: Captured | undefined;
      /** `api.extra_search_path` of config.toml; `undefined`: unset. */
      readonly extraSearchPath?: readonly string[] | undefined;
    };

/** A statement of the system's SQL that was not run, or that another role ran. */
export interface SkippedStatement {
  readonly file: string;
  readonly line: number;
  /** Its first line. */
  readonly statement: string;
  readonly because: string;
}

export interface BaselineRecord {
  /** `plain` only where something is to be said of its SQL. */
  readonly name: BaselineName;
  /** Supabase's alone. */
  readonly defaultPrivileges?: DefaultPrivileges | undefined;
  /** Absent in archives that were written before it was recorded. */
  readonly privilegesFrom?: PrivilegesSource | undefined;
  /** Of `as-captured`: from which target, and when. */
  readonly captured?: Pick<Captured, "target" | "capturedAt"> | undefined;
  /** What config.toml says the API puts behind a request's schema in search_path; absent: nothing, or older archives. */
  readonly extraSearchPath?: readonly string[] | undefined;
  /** Objects that imitate the platform's. */
  readonly standIns: readonly string[];
  readonly skipped: readonly SkippedStatement[];
}
